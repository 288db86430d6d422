package sim

import "time"

// Scenes of much to do, and of long waits.

// longPause has leaders stand still, one for long, and whoever leads in its place for a moment when it is back.
func (g *generator) longPause(s *stream) []Fault {
	long := time.Duration(s.between(1500, 9000)) * time.Millisecond
	faults := []Fault{{Kind: Pause, Node: NodeLeader, For: long}}
	for range s.below(3) {
		next := Fault{Kind: Pause, Node: NodeLeader, For: g.plan.Node.Election * time.Duration(s.between(1, 5))}
		next.At = max(long-time.Duration(s.between(0, 1000))*time.Millisecond, 0)
		faults = append(faults, next)
	}
	return faults
}

// slowLoops has nodes take long over what they apply: a leader that hardly comes to sending heartbeats, or a follower that hears
// its leader late.
func (g *generator) slowLoops(s *stream) []Fault {
	f := Fault{Kind: SlowApply, Node: g.anyone(s), For: time.Duration(s.between(500, 5000)) * time.Millisecond}
	f.Period = g.plan.Node.Election * time.Duration(s.between(10, 1200)) / 1000
	return []Fault{f}
}

// crowd is a world of many callers, each with little to say, who come and go: many sessions, some of them of one user.
func (g *generator) crowd(s *stream) {
	p := g.plan
	if len(p.Clients) == 0 {
		return
	}
	like := p.Clients[0]
	like.Every, like.Pipeline, like.Close, like.User = time.Duration(s.between(800, 3000))*time.Millisecond, 1+int(s.below(3)), s.between(50, 400), 0
	for range s.between(20, 60) {
		c := like
		if s.perMille(300) {
			c.User = s.between(1, 5)
		}
		if s.perMille(300) {
			c.Nap = s.between(50, 300)
		}
		p.Clients = append(p.Clients, c)
	}
}

// slowReaders is a world in which little of what happened is kept for those who follow the events, and many of them are slow.
func (g *generator) slowReaders(s *stream) {
	p := g.plan
	p.Events = s.between(3, 60)
	if p.Node.Frames == 0 {
		p.Node.Frames = s.between(1, 6)
	}
	for range s.between(3, 8) {
		p.Subscribers = append(p.Subscribers, SubscriberPlan{
			Stay: time.Duration(s.between(2, 20)) * time.Second,
			Slow: time.Duration(s.between(0, 2000)) * time.Millisecond,
		})
	}
}
