"""What an operator asks of the log and changes in it: counted, found, judged anew, revived, replayed."""
