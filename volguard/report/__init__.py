"""The day's report: values in, one JSON document and one self-contained HTML page out."""
