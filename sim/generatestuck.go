package sim

import "time"

// stuckDisks has some nodes outside the core end with a disk that completes nothing. Heartbeats need no disk: one that
// leads must notice by itself that it can't take another write, and hand over.
func (g *generator) stuckDisks() {
	s := g.stream(ideaStuckDisks)
	p := g.plan
	if p.Duration-p.Heal < stuckMin {
		return
	}
	for i := range p.Rest {
		if s.perMille(250) {
			p.Rest[i].Kind = RestStuck
		}
	}
}

// stuckMin is how long the good times must last: a leader hands over at most once in 10 s, and may have done so just
// before they begin.
const stuckMin = 14 * time.Second
