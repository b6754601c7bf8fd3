"""What attached files of other tools say: the same explanation as a recording's, as far as they reach."""
