"""Pay per use: what use costs, on which invoice it stands, and the evidence with which a customer checks it alone."""
