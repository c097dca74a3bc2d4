"""Recordings of real machines and runs, read into uploads: plug meters (tracebase CSV), runs (TCX, GPX, FIT).

In:            files, each also gzipped; what a file is shows in its content, not in its name.
Out:           uploads, one device per file, numbered from 0: the same file gives the same uploads, whatever was read
               before. Captures of a topic (`captured`) come out record by record, byte by byte.
Guarantee:     a reading is in exactly one upload and says what the file says; what cannot be used is counted.
On failure:    a file that cannot be read as what it is: `RecordingError`, one line.
"""
