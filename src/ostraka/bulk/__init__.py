"""Whole files of content, judged on one machine with bounded memory, resumable at any row.

formats     which format and compression a file has
reading     JSONL, CSV, TSV and plain lines as batches of rows
parquet     the same for Parquet (extra `data`), and writing it
writing     judged rows into files that can be cut back to a checkpoint
judging     rows in, verdicts or reasons why there is none out
checkpoint  what an interrupted run needs to go on
run         all of it together
"""
