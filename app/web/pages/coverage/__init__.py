"""How complete everything is: a map of months, the days of an item and area, the hours of a month, and how holes are filled."""
