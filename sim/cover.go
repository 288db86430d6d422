package sim

// Cover counts rare situations that a run reached. A fault that never bites and
// a path that is never taken show here: over many seeds no counter may stay at
// zero.
type Cover struct {
	Elections   uint64 // leaders elected
	Truncations uint64 // conflicts that removed entries
	Rejects     uint64 // consistency checks that failed
	QuorumLost  uint64 // leaders that stepped down because nobody answered
	Crashes     uint64
	Torn        uint64 // crashes of a machine with a write not synced
	Survived    uint64 // restarts that found a write that was never reported as synced
	Recoveries  uint64 // restarts that crashed in the middle
	Repeated    uint64 // commands that a client sent again
	Unknown     uint64 // operations whose outcome stayed unknown
	Closed      uint64 // sessions that their clients closed
	Frames      uint64 // events that subscribers saw
	Resumed     uint64 // streams that went on at another node
	Missed      uint64 // streams whose next events were not kept any more
	Added       uint64 // nodes whose addition was answered
	Left        uint64 // removals that were answered
	Removed     uint64 // nodes that learned that they were removed
	Leased      uint64 // Steps in which a leader answered reads under a lease
	Asked       uint64 // questions of followers that a leader answered
	Handed      uint64 // transfers of leadership that operators wanted and got
	Snapshots   uint64 // snapshots made
	Compactions uint64 // logs that moved their base
	Fetched     uint64 // snapshots that came from a peer, whole and decoded
	Installs    uint64 // states that were replaced by one of them
	Resets      uint64 // logs of which nothing was left then
	Reused      uint64 // one-shot commands under a request id that was used before
	Joined      uint64 // of those, the ones that got the answer to another operation
	Conflicts   uint64 // and those that were told that the id is taken
	Naps        uint64 // times that a client slept through the answer to its request
	Agreed      uint64 // marks at which a node saw that a majority has its state
	Rotted      uint64 // states that went wrong
	Noticed     uint64 // of those, the ones whose node stopped for it
	Raised      uint64 // runs in which the level rose
	Upgraded    uint64 // runs in which it rose to the newest after nodes of an older release were upgraded
	Damaged     uint64 // places of a disk that lost what they held
	Spared      uint64 // damages that did not strike because the cluster could not have recovered
	Excused     uint64 // nodes that stopped, or did not start, because their disk failed
	Lost        uint64 // nodes that did not start as themselves any more
	Replaced    uint64 // nodes that operators put in the place of lost ones
	Uploaded    uint64 // files that were confirmed to their uploaders
	FilesRead   uint64 // files that were read to their end
	Held        uint64 // copies that nodes came to hold
	BlobsLost   uint64 // copies that nodes found damaged or gone
	Collected   uint64 // copies that nobody wanted any more
	Sought      uint64 // files behind their grace that were looked for on a node in the end
	HeldBack    uint64 // changes of voters that had to wait for files
	Survivors   uint64 // runs after which a new cluster was made of one node
	BackedUp    uint64 // backups that operators made
	WentOn      uint64 // clusters that were made of a backup or of what a survivor had, and in which a team went on
	SentAgain   uint64 // commands of an old cluster that such a one was sent again, and whose effect it had
	DoneAnew    uint64 // those that took effect behind its state, and were executed anew
	Disowned    uint64 // and those in sessions that were opened behind it, which it refused
	Refounded   uint64 // clusters that were made of them
	Locked      uint64 // locks granted
	LockedOut   uint64 // locks that somebody else held
	Graced      uint64 // locks that a change of the leader gave their time anew
	Expired     uint64 // locks whose deadline passed
	Broken      uint64 // locks that were broken
	StaleFences uint64 // commands under a fence that was not the live one
	Crowded     uint64 // locks refused to who held as many as he may
	Fenced      uint64 // writes under an old fence that a resource refused

	TeamAged    uint64 // messages and files that were too old to be kept
	TeamDone    uint64 // commands of a team that were done
	TeamRefused uint64 // and that were refused
	TeamAnswers uint64 // questions of a team that were answered
	TeamHidden  uint64 // and in which something was asked for that the caller may not see
	TeamExpired uint64 // logins that ended because nobody renewed them
	TeamFrames  uint64 // events that teammates saw
	Heard       uint64 // notices that went to teammates
	StreamsGone uint64 // streams that ended with their logins
	Attached    uint64 // files that were attached
	TeamLocked  uint64 // locks granted to a team
	HandedOn    uint64 // of those, to somebody who stood in line
	TeamGraced  uint64 // and that a change of the leader gave their time anew
	TeamLapsed  uint64 // and whose time passed
	WaitsEnded  uint64 // waits that ended in vain
	Written     uint64 // revisions of documents
	Restored    uint64 // of those, the ones that are an older one's content
	LockedOff   uint64 // writes that were refused because of a document's lock
	Versions    uint64 // and because of its version

	Corrupted   uint64 // messages in which bits turned
	Substituted uint64 // messages in whose place an earlier one arrived
	Strays      uint64 // messages that reached a node and were for another one
	Clogged     uint64 // messages that a clogged link held
	Overflowed  uint64 // messages that found a link full
	BulkFull    uint64 // of those, the ones of the bulk lanes
	Flaps       uint64 // times that flapping links went off or on
	Rings       uint64 // partitions in which every node saw another majority
	Bridges     uint64 // partitions in which one node saw both halves
	Narrow      uint64 // faults that made some links slow, lossy or full, and not all
	Overtaken   uint64 // messages of the protocol that arrived before bulk that left earlier

	Rare    [situations]uint64 // see situations.go
	PutOff  uint64             // times that somebody had to wait for a higher priority
	Delayed uint64             // delays of a scheduler that has few
}

// Add adds another run's counts.
func (c *Cover) Add(o *Cover) {
	a, b := c.fields(), o.fields()
	for i := range a {
		*a[i].count += *b[i].count
	}
}

// Each calls f with every counter's name and count, in order.
func (c *Cover) Each(f func(name string, count uint64)) {
	for _, field := range c.fields() {
		f(field.name, *field.count)
	}
}

type coverField struct {
	name  string
	count *uint64
}

func (c *Cover) fields() []coverField {
	fields := []coverField{
		{"elections", &c.Elections},
		{"truncations", &c.Truncations},
		{"rejects", &c.Rejects},
		{"quorum lost", &c.QuorumLost},
		{"crashes", &c.Crashes},
		{"crashes with an unsynced write", &c.Torn},
		{"unreported writes that survived", &c.Survived},
		{"crashes within a recovery", &c.Recoveries},
		{"commands repeated", &c.Repeated},
		{"outcomes unknown", &c.Unknown},
		{"sessions closed", &c.Closed},
		{"events seen by subscribers", &c.Frames},
		{"streams resumed elsewhere", &c.Resumed},
		{"streams whose next events are gone", &c.Missed},
		{"nodes added", &c.Added},
		{"nodes removed", &c.Left},
		{"nodes that learned of their removal", &c.Removed},
		{"reads under a lease", &c.Leased},
		{"followers' questions answered", &c.Asked},
		{"leadership handed over", &c.Handed},
		{"snapshots made", &c.Snapshots},
		{"logs compacted", &c.Compactions},
		{"snapshots fetched", &c.Fetched},
		{"snapshots installed", &c.Installs},
		{"logs reset", &c.Resets},
		{"request ids used again", &c.Reused},
		{"answers shared under a request id", &c.Joined},
		{"request ids in conflict", &c.Conflicts},
		{"clients that fell asleep", &c.Naps},
		{"states agreed on", &c.Agreed},
		{"states that rotted", &c.Rotted},
		{"rotten states noticed", &c.Noticed},
		{"levels raised", &c.Raised},
		{"levels raised after an upgrade", &c.Upgraded},
		{"places of disks damaged", &c.Damaged},
		{"damages spared", &c.Spared},
		{"failures of a disk that ended a node", &c.Excused},
		{"nodes lost", &c.Lost},
		{"nodes replaced", &c.Replaced},
		{"files uploaded", &c.Uploaded},
		{"files read", &c.FilesRead},
		{"copies of files held", &c.Held},
		{"copies of files lost", &c.BlobsLost},
		{"copies of files collected", &c.Collected},
		{"files behind their grace that were looked for", &c.Sought},
		{"changes held back for files", &c.HeldBack},
		{"survivors that began a new cluster", &c.Survivors},
		{"backups", &c.BackedUp},
		{"clusters restored from a backup", &c.Refounded},
		{"new clusters in which a team went on", &c.WentOn},
		{"commands that a new cluster was sent again", &c.SentAgain},
		{"commands that a new cluster executed anew", &c.DoneAnew},
		{"commands in sessions that a new cluster does not know", &c.Disowned},
		{"locks granted", &c.Locked},
		{"locks held by somebody else", &c.LockedOut},
		{"locks prolonged by a change of the leader", &c.Graced},
		{"locks expired", &c.Expired},
		{"locks broken", &c.Broken},
		{"stale fences", &c.StaleFences},
		{"holders with too many locks", &c.Crowded},
		{"writes under an old fence", &c.Fenced},
		{"commands of a team done", &c.TeamDone},
		{"messages and files that were too old", &c.TeamAged},
		{"commands of a team refused", &c.TeamRefused},
		{"questions of a team answered", &c.TeamAnswers},
		{"questions for what is hidden", &c.TeamHidden},
		{"logins that ran out", &c.TeamExpired},
		{"events seen by a team", &c.TeamFrames},
		{"notices told to a team", &c.Heard},
		{"streams ended with their logins", &c.StreamsGone},
		{"files attached", &c.Attached},
		{"locks granted to a team", &c.TeamLocked},
		{"locks handed on in line", &c.HandedOn},
		{"a team's locks prolonged by a change of the leader", &c.TeamGraced},
		{"a team's locks expired", &c.TeamLapsed},
		{"waits that ended in vain", &c.WaitsEnded},
		{"revisions written", &c.Written},
		{"revisions restored", &c.Restored},
		{"writes refused for a lock", &c.LockedOff},
		{"writes refused for a version", &c.Versions},
		{"messages damaged on their way", &c.Corrupted},
		{"messages in the place of others", &c.Substituted},
		{"messages for somebody else", &c.Strays},
		{"messages held by a clog", &c.Clogged},
		{"messages that found a link full", &c.Overflowed},
		{"bulk that found its lane full", &c.BulkFull},
		{"flaps of links", &c.Flaps},
		{"rings of majorities", &c.Rings},
		{"bridges between halves", &c.Bridges},
		{"single links that got worse", &c.Narrow},
		{"bulk that was overtaken", &c.Overtaken},
		{"actors put off for a higher priority", &c.PutOff},
		{"delays of a delay-bounded scheduler", &c.Delayed},
	}
	for i := range c.Rare {
		fields = append(fields, coverField{situationNames[i], &c.Rare[i]})
	}
	return fields
}
