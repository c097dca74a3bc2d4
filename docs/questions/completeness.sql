-- Which figures can be trusted: what devices counted themselves against what of it arrived.
select
  product,
  month,
  count(*) as device_months,
  count(*) filter (verdict = 'complete') as complete,
  count(*) filter (verdict = 'gap') as with_gap,
  count(*) filter (verdict not in ('complete', 'gap')) as cannot_be_told,
  round(100 * count(*) filter (verdict = 'gap') / count(*), 1) as with_gap_pct,
  -- Counters of another board say nothing of what is missing.
  round(100 * sum(missing) filter (verdict in ('complete', 'gap'))
    / nullif(sum(counted) filter (verdict in ('complete', 'gap')), 0), 2) as usage_missing_pct,
  -- Together: what was refused because nobody could read it counts as missing, too.
  sum(missing_uploads + refused_uploads)::bigint as uploads_not_taken
from completeness
semi join devices using (device_id)
group by product, month
order by product, month
