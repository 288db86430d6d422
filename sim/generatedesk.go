package sim

import "time"

// desk draws what a team does with locks and documents, with bounds that are felt: in three teams of four, and in some worlds
// without a team a small one that does hardly anything else.
func (g *generator) desk() {
	s, scenes, rate, p := g.stream(ideaDesk), g.stream(ideaScenes), int64(450), g.plan
	if scenes.perMille(500) { // a scene is played
		rate = 150
	}
	switch drawn := s.perMille(rate); {
	case len(p.Teammates) > 0:
		if !s.perMille(750) {
			return
		}
	case !drawn || p.Events > 0:
		return
	default:
		g.writers(&s)
	}
	t := &p.Team
	t.Names = s.between(1, 3)
	t.TTL = time.Duration(s.between(300, 4000)) * time.Millisecond
	t.Wait = time.Duration(s.between(500, 6000)) * time.Millisecond
	if s.perMille(500) {
		t.Line = s.between(1, 4)
	}
	if s.perMille(500) {
		t.Deltas = s.between(1, 4)
	}
	if s.perMille(300) {
		t.Revisions = s.between(4, 40)
	}
	if s.perMille(300) {
		t.Content = s.between(200, 1200)
	}
	if s.perMille(300) {
		t.Kept = s.between(3000, 40_000)
	}
	if s.perMille(300) {
		t.Grants = s.between(2, 4)
	}
	locks, docs := s.between(100, 600), s.between(100, 700)
	if s.perMille(150) {
		docs = 0
	}
	for i := range p.Teammates {
		m := &p.Teammates[i]
		m.Locks, m.Docs, m.Read = locks, docs, min(m.Read, 400)
		if s.perMille(150) {
			m.Nap = max(m.Nap, s.between(10, 40))
		}
	}
	if p.Locks == (LockPlan{}) && s.perMille(300) {
		p.Locks.Expiries = []int64{-1, 1, 1, 2}[s.below(4)]
	}
	if p.Locks.Max == 0 && s.perMille(300) {
		p.Locks.Max = s.between(1, 4)
	}
}

// writers draws a team of the three who are always there, in several processes that want much in little time.
func (g *generator) writers(s *stream) {
	p := g.plan
	p.Team = TeamPlan{
		Edge: time.Duration(s.between(500, 1500)) * time.Millisecond,
		Gone: time.Duration(s.between(1500, 4000)) * time.Millisecond,
		Mode: 3, Users: 3,
	}
	if s.perMille(400) {
		p.Team.Idle = time.Duration(s.between(1500, 10_000)) * time.Millisecond
	}
	if s.perMille(300) {
		p.Team.Logins = s.between(1, 2)
	}
	mates, mean := 3+int(s.below(3)), s.between(20, 60)
	govern, account := s.between(0, 80), s.between(30, 250)
	for i := range mates {
		m := TeammatePlan{
			User:     1 + int64(i)%p.Team.Users,
			Every:    time.Duration(mean*int64(mates)) * time.Millisecond,
			Pipeline: 1 + int64(s.below(3)),
			Read:     s.between(100, 350), Stale: s.between(0, 400), Once: s.between(0, 200),
			Govern: govern, Account: account, Guess: s.between(0, 200),
			Patience: time.Duration(s.between(1000, 6000)) * time.Millisecond,
			Timeout:  time.Duration(s.between(300, 1200)) * time.Millisecond,
			Quit:     s.between(0, 40),
			Anywhere: s.perMille(300), Share: s.perMille(300),
		}
		if s.perMille(500) {
			m.Stay = time.Duration(s.between(1000, 15_000)) * time.Millisecond
		}
		p.Teammates = append(p.Teammates, m)
	}
	for i := range p.Clients {
		p.Clients[i].Every *= 4
	}
	g.roomForTeam()
}
