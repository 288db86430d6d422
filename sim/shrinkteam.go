package sim

import "time"

// plainTeam are the edits that make a team plainer: nobody at all, bounds as in production, everybody at one thing at a
// time and at what is his to do.
func (s *shrinker) plainTeam() (edits []edit) {
	if len(s.Plan.Teammates) == 0 && s.Plan.Team == (TeamPlan{}) {
		return nil
	}
	edits = []edit{
		func(p *Plan) { p.Teammates, p.Team = nil, TeamPlan{} },
		func(p *Plan) { p.Team = TeamPlan{} },
	}
	for _, field := range []func(t *TeamPlan) *int64{
		func(t *TeamPlan) *int64 { return &t.Logins },
		func(t *TeamPlan) *int64 { return &t.Edits },
		func(t *TeamPlan) *int64 { return &t.Reactions },
		func(t *TeamPlan) *int64 { return &t.Search },
		func(t *TeamPlan) *int64 { return &t.Quota },
		func(t *TeamPlan) *int64 { return (*int64)(&t.Idle) },
		func(t *TeamPlan) *int64 { return (*int64)(&t.Secrets) },
		func(t *TeamPlan) *int64 { return (*int64)(&t.Gone) },
		func(t *TeamPlan) *int64 { return &t.Mode },
		func(t *TeamPlan) *int64 { return &t.Names },
		func(t *TeamPlan) *int64 { return (*int64)(&t.TTL) },
		func(t *TeamPlan) *int64 { return (*int64)(&t.Wait) },
		func(t *TeamPlan) *int64 { return &t.Line },
		func(t *TeamPlan) *int64 { return &t.Content },
		func(t *TeamPlan) *int64 { return &t.Revisions },
		func(t *TeamPlan) *int64 { return &t.Deltas },
		func(t *TeamPlan) *int64 { return &t.Kept },
		func(t *TeamPlan) *int64 { return &t.Grants },
		func(t *TeamPlan) *int64 { return &t.Shut },
		func(t *TeamPlan) *int64 { return &t.Codes },
		func(t *TeamPlan) *int64 { return &t.Behind },
		func(t *TeamPlan) *int64 { return &t.Peek },
		func(t *TeamPlan) *int64 { return (*int64)(&t.Keep) },
		func(t *TeamPlan) *int64 { return (*int64)(&t.Sweep) },
		func(t *TeamPlan) *int64 { return &t.Rows },
		func(t *TeamPlan) *int64 { return &t.Walk },
		func(t *TeamPlan) *int64 { return &t.Forget },
	} {
		edits = append(edits, func(p *Plan) { *field(&p.Team) = 0 })
	}
	edits = append(edits, func(p *Plan) { p.Team.Edge = leading(p.Team.Edge) }, func(p *Plan) { p.Team.Users = min(p.Team.Users, 3) })
	for i := range s.Plan.Teammates {
		edits = append(edits, s.plainTeammate(i)...)
	}
	for i := range s.Plan.Uploaders {
		edits = append(edits, func(p *Plan) {
			if i < len(p.Uploaders) {
				p.Uploaders[i].User = 0
			}
		})
	}
	return edits
}

func (s *shrinker) plainTeammate(i int) (edits []edit) {
	plainer := func(change func(m *TeammatePlan)) {
		edits = append(edits, func(p *Plan) {
			if i < len(p.Teammates) { // an edit before this one may have left out some
				change(&p.Teammates[i])
			}
		})
	}
	plainer(func(m *TeammatePlan) {
		*m = TeammatePlan{User: m.User, Every: m.Every, Pipeline: 1, Patience: m.Patience, Timeout: m.Timeout}
	})
	for _, field := range []func(m *TeammatePlan) *int64{
		func(m *TeammatePlan) *int64 { return &m.Read },
		func(m *TeammatePlan) *int64 { return &m.Stale },
		func(m *TeammatePlan) *int64 { return &m.Once },
		func(m *TeammatePlan) *int64 { return &m.Govern },
		func(m *TeammatePlan) *int64 { return &m.Account },
		func(m *TeammatePlan) *int64 { return &m.Guess },
		func(m *TeammatePlan) *int64 { return &m.Locks },
		func(m *TeammatePlan) *int64 { return &m.Docs },
		func(m *TeammatePlan) *int64 { return &m.Quit },
		func(m *TeammatePlan) *int64 { return &m.Nap },
		func(m *TeammatePlan) *int64 { return &m.Close },
		func(m *TeammatePlan) *int64 { return (*int64)(&m.Stay) },
	} {
		plainer(func(m *TeammatePlan) { *field(m) = 0 })
		plainer(func(m *TeammatePlan) { *field(m) = leading(*field(m)) })
	}
	plainer(func(m *TeammatePlan) { m.Share = false })
	plainer(func(m *TeammatePlan) { m.Anywhere = false })
	plainer(func(m *TeammatePlan) { m.Pipeline = 1 })
	plainer(func(m *TeammatePlan) { m.Patience = 2 * time.Second })
	plainer(func(m *TeammatePlan) { m.Timeout = time.Second / 2 })
	plainer(func(m *TeammatePlan) { m.Every = leading(m.Every) })
	return edits
}
