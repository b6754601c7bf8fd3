"""Reading an arm layer by layer, in turns of their own."""
