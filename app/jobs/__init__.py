"""Small jobs: a question that a worker answers once, kept for a day. A row is the job."""
