"""Labels on paper: what a label says becomes a PDF. What it says is the rulebook's; here it is only drawn."""
