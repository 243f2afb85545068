"""What an operator does around a session: prove a journal, look things up."""
