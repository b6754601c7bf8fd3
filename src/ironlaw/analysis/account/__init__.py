"""What executed: samples put into categories, and the difference of two arms by them."""
