package sim

import "time"

// teamScenes are worlds of a team in which the same story is told again and again, as people want what comes next in it (see
// teamsequels.go). Each was written for a planted bug that no seed found before.
var teamScenes = []scene{
	{shape: (*generator).usedCodes},
	{shape: (*generator).behindThemselves},
	{shape: (*generator).besideChannels},
	{shape: (*generator).quietLogins, play: (*generator).stallAfterStart, every: [2]int64{7000, 9000}},
}

// teamScenes draws one of them, in some worlds with a team. Their draws are their own, so that a seed that is left out here keeps
// its course.
func (g *generator) teamScenes() {
	s := g.stream(ideaTeamScenes)
	if !s.perMille(150) || g.plan.Heal < sceneMin || len(g.plan.Teammates) == 0 {
		return
	}
	g.play(&s, &teamScenes[s.below(uint64(len(teamScenes)))], 700)
	g.roomForTeam()
}

// threeOfOne makes a team of three, of whom each has more than one process under logins of its own.
func (g *generator) threeOfOne(mean int64) {
	p := g.plan
	p.Team.Users, p.Team.Logins, p.Team.Idle = 3, 0, 0
	for len(p.Teammates) < 6 {
		p.Teammates = append(p.Teammates, p.Teammates[len(p.Teammates)-1])
	}
	for i := range p.Teammates {
		m := &p.Teammates[i]
		m.User, m.Share, m.Nap = 1+int64(i)%3, false, 0
		m.Every = time.Duration(mean*int64(len(p.Teammates))) * time.Millisecond
	}
}

// usedCodes is a world in which people forget their passwords all the time, and what they were helped with they try again.
// Few events are kept in it: a stream that is behind is told so.
func (g *generator) usedCodes(s *stream) {
	t := &g.plan.Team
	t.Codes, t.Secrets = s.between(300, 700), time.Duration(s.between(10_000, 30_000))*time.Millisecond
	for i := range g.plan.Teammates {
		g.plan.Teammates[i].Account = s.between(200, 500)
	}
	g.plan.Events = s.between(5, 60)
}

// behindThemselves is a world in which people have two processes at work that want the same lock, and lose both logins at once, by
// another password or because they are disabled. Any one lock changes hands at most once an entry.
func (g *generator) behindThemselves(s *stream) {
	t := &g.plan.Team
	g.threeOfOne(s.between(20, 50))
	t.Behind, t.Names, t.Line = s.between(600, 900), s.between(1, 2), 0
	t.TTL, t.Wait = time.Duration(s.between(6000, 12_000))*time.Millisecond, time.Duration(s.between(6000, 12_000))*time.Millisecond
	for i := range g.plan.Teammates {
		m := &g.plan.Teammates[i]
		m.Locks, m.Docs, m.Account, m.Read, m.Guess = 600, 0, 20, min(m.Read, 150), min(m.Guess, 50)
	}
}

// besideChannels is a world in which some bring files to public channels, and others, who have left them or never were there, ask for
// those.
func (g *generator) besideChannels(s *stream) {
	p := g.plan
	p.Team.Peek, p.Team.Quota = s.between(200, 500), 0
	for i := range p.Teammates {
		m := &p.Teammates[i]
		m.Read, m.Docs, m.Locks = max(m.Read, 400), min(m.Docs, 100), min(m.Locks, 100)
	}
	if p.Blobs.Chunk == 0 {
		p.Blobs.Chunk, p.Blobs.Pin, p.Blobs.Grace = 1024, 30*time.Second, 3*time.Second
	}
	p.Blobs.Pin = max(p.Blobs.Pin, 10*time.Second)
	p.Uploaders = nil
	for i := range 2 {
		p.Uploaders = append(p.Uploaders, UploaderPlan{Every: time.Duration(s.between(300, 900)) * time.Millisecond, Bytes: 500, Piece: 1000, Read: 200,
			Patience: 4 * time.Second, Timeout: time.Second, User: p.Teammates[i%len(p.Teammates)].User})
	}
}

// quietLogins is a world in which a login ends now and then and streams stay where they are. Its state is small, and what others want
// of one lock, mostly in vain, fills the log: so a snapshot comes every second or two, and whoever stands still for longer needs one.
func (g *generator) quietLogins(s *stream) {
	g.endingLogins(s)
	p := g.plan
	p.Events, p.Node.Snapshot, p.Node.Inflight = 0, s.between(150, 300), 2
	p.Node.Lease, p.Node.LeasePPM, p.Node.LeaseLess = 0, 0, nil
	p.Clients = p.Clients[:2]
	for i := range p.Clients {
		p.Clients[i] = ClientPlan{Every: 15 * time.Millisecond, Pipeline: 16, Read: 20, Text: 20, Patience: 3 * time.Second, Timeout: time.Second,
			Lock: 1000, Names: 1, TTL: 2 * time.Second}
	}
	account := s.between(40, 150)
	for i := range p.Teammates {
		m := &p.Teammates[i]
		m.Every = time.Duration(80*len(p.Teammates)) * time.Millisecond
		m.Account, m.Once, m.Govern, m.Locks, m.Read = account, 0, 20, 300, 50
	}
	p.Team.Names, p.Team.TTL, p.Team.Wait = 2, time.Second, time.Second
}

// stallAfterStart has somebody start anew, whose process knows of no login that ended, and then stand still with its disk until it
// needs a snapshot. Whoever has a stream with it whose login has ended meanwhile must lose it.
func (g *generator) stallAfterStart(s *stream) []Fault {
	who := g.member(s)
	return []Fault{
		{Kind: Transfer, Node: g.other(s, who)},
		{Kind: CrashProcess, Node: who, At: 300 * time.Millisecond, For: 20 * time.Millisecond},
		{Kind: Stall, Node: who, At: time.Duration(s.between(600, 1500)) * time.Millisecond, For: time.Duration(s.between(4000, 7000)) * time.Millisecond},
	}
}
