// The order of events: tables work at once, charts follow, and whatever listens to them is told when they stand.

startTables();
startSearch();
startWhatIf();
await followPaper();
