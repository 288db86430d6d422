package sim

import (
	"cmp"
	"slices"
	"time"
)

// team draws a team, in every third world: who is in it, what its people do most, and bounds that are felt.
func (g *generator) team() {
	s, scenes, rate := g.stream(ideaTeam), g.stream(ideaScenes), int64(520)
	if scenes.perMille(500) { // a scene is played, mostly undisturbed
		rate = 150
	}
	p := g.plan
	if !s.perMille(rate) || p.Events > 0 {
		return
	}
	p.Team = TeamPlan{
		Edge:  time.Duration(s.between(300, 1000)) * time.Millisecond,
		Gone:  time.Duration(s.between(1500, 4000)) * time.Millisecond,
		Mode:  1 + int64(s.below(2)),
		Users: s.between(3, int64(len(mateNames))-1),
	}
	t := &p.Team
	if s.perMille(500) {
		t.Logins = s.between(1, 4)
	}
	if s.perMille(500) {
		t.Edits, t.Reactions = s.between(1, 4), s.between(1, 3)
	}
	if s.perMille(500) {
		t.Search = s.between(3, 60)
	}
	if s.perMille(300) {
		t.Quota = s.between(1000, 30_000)
	}
	if s.perMille(300) {
		t.Idle = time.Duration(s.between(2000, 20_000)) * time.Millisecond
	}
	if s.perMille(500) {
		t.Secrets = time.Duration(s.between(2000, 20_000)) * time.Millisecond
	}
	mates := 3 + int(s.below(4))
	mean := s.between(25, 90) // of all together
	govern, account := s.between(60, 450), s.between(10, 200)
	for i := range mates {
		m := TeammatePlan{
			User:     1 + int64(i)%t.Users,
			Every:    time.Duration(mean*int64(mates)) * time.Millisecond,
			Pipeline: 1 + int64(s.below(3)),
			Read:     s.between(150, 650), Stale: s.between(0, 500), Once: s.between(0, 400),
			Govern: govern, Account: account, Guess: s.between(10, 250),
			Patience: time.Duration(s.between(1000, 6000)) * time.Millisecond,
			Timeout:  time.Duration(s.between(300, 1200)) * time.Millisecond,
			Quit:     s.between(0, 40),
			Anywhere: s.perMille(300), Share: s.perMille(300),
		}
		if s.perMille(250) {
			m.User = 1 + int64(s.below(uint64(t.Users)))
		}
		if s.perMille(800) {
			m.Stay = time.Duration(s.between(1000, 15_000)) * time.Millisecond
		}
		if s.perMille(200) {
			m.Nap = s.between(10, 60)
		}
		if s.perMille(200) {
			m.Close = s.between(10, 60)
		}
		p.Teammates = append(p.Teammates, m)
	}
	if s.perMille(300) {
		g.standstills(&s)
	}
	for i := range p.Uploaders {
		p.Uploaders[i].User = p.Teammates[s.below(uint64(len(p.Teammates)))].User
	}
	g.roomForTeam()
}

// roomForTeam sees to it that nothing in the plan is too narrow for a team.
func (g *generator) roomForTeam() {
	p := g.plan
	if p.Bulk.Capacity > 0 { // a snapshot has a team in it: through a lane for one message it takes longer than the good times
		p.Bulk.Capacity = max(p.Bulk.Capacity, 8)
	}
	if least := 4 * g.slowest(); p.Requests.Age > 0 {
		p.Requests.Age = max(p.Requests.Age, least)
	}
}

// standstills has followers stand still, with whatever streams they have, for so long that the others compact what they
// lack, and not so long that their subscribers leave them. Logins end all the time meanwhile: no entry tells them which, but
// the snapshot that they get.
func (g *generator) standstills(s *stream) {
	p := g.plan
	p.Team.Idle, p.Node.Snapshot = time.Duration(s.between(1500, 4000))*time.Millisecond, s.between(200, 500)
	for at := int64(3000); ; at += s.between(1500, 5000) {
		f := Fault{At: time.Duration(at) * time.Millisecond, Kind: Pause, Node: NodeFollower, For: time.Duration(s.between(900, 1950)) * time.Millisecond}
		if f.At >= g.lastTrouble() {
			break
		}
		p.Faults = append(p.Faults, f)
	}
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
}

// slowest is the longest that a request of the team is waited for.
func (g *generator) slowest() time.Duration {
	slowest := edgeTimeout
	for i := range g.plan.Teammates {
		slowest = max(slowest, g.plan.Teammates[i].Timeout)
	}
	return slowest
}

// retention has a team keep things for no longer than some seconds, in two of five: of messages, files and events what its
// people say, who change their minds. An entry takes little of it away, or much.
func (g *generator) retention() {
	s, p := g.stream(ideaRetention), g.plan
	if len(p.Teammates) == 0 || !s.perMille(400) {
		return
	}
	t := &p.Team
	t.Keep = time.Duration(s.between(1000, max(2000, int64(p.Duration/time.Millisecond)/4))) * time.Millisecond
	t.Sweep = time.Duration(s.between(50, 1500)) * time.Millisecond
	t.Forget = s.between(3, 40)
	if s.perMille(600) {
		t.Rows = s.between(1, 12)
	}
	if s.perMille(600) {
		t.Walk = s.between(1, 4)
	}
}
