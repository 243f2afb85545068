"""From an approved intention to fills: order machine, baskets, price ladder."""
