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
	Added       uint64 // nodes whose addition was answered
	Left        uint64 // removals that were answered
	Removed     uint64 // nodes that learned that they were removed
	Handed      uint64 // transfers of leadership that operators wanted and got
	Damaged     uint64 // places of a disk that lost what they held
	Spared      uint64 // damages that did not strike because the cluster could not have recovered
	Excused     uint64 // nodes that stopped, or did not start, because their disk failed
	Lost        uint64 // nodes that did not start as themselves any more
	Replaced    uint64 // nodes that operators put in the place of lost ones
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
	return []coverField{
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
		{"nodes added", &c.Added},
		{"nodes removed", &c.Left},
		{"nodes that learned of their removal", &c.Removed},
		{"leadership handed over", &c.Handed},
		{"places of disks damaged", &c.Damaged},
		{"damages spared", &c.Spared},
		{"failures of a disk that ended a node", &c.Excused},
		{"nodes lost", &c.Lost},
		{"nodes replaced", &c.Replaced},
	}
}
