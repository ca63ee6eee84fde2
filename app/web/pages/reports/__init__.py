"""Reports by date: how a day or a week went, and how good the data of a day are."""
