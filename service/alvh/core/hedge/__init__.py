"""The hedge: pricing, the book, scenarios, sizing, break-evens, condor actions, and the IWM put beside it."""
