package raft

// Base is what stands before a log's first entry: the last entry that a snapshot covers
// [§7, lastIncludedIndex and lastIncludedTerm], and what the protocol must know of
// everything up to there. The base of a log from the beginning has entry zero and the
// formation record's members.
type Base struct {
	Entry       EntryID
	Time        LogTime       // of the entry
	Config      Configuration // in force at the entry [§7]
	ConfigIndex Index         // of the entry that holds it; zero: the formation record
	Removed     []Removal     // everybody who left up to the entry, in the order of leaving
}

// Removal is a member that left. Its directory never returns, so that this is remembered
// for ever.
type Removal struct {
	Member Member
	At     Index // the entry that removed it
}
