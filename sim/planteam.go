package sim

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"parley/statemachine/state"
)

// formatTeam writes the lines of the team; see Format.
func (p *Plan) formatTeam(line func(format string, args ...any)) {
	if t := &p.Team; *t != (TeamPlan{}) {
		var b strings.Builder
		fmt.Fprintf(&b, "team edge=%s gone=%s mode=%d users=%d", formatDuration(t.Edge), formatDuration(t.Gone), t.Mode, t.Users)
		for _, bound := range [...]struct {
			name  string
			value int64
		}{{"logins", t.Logins}, {"edits", t.Edits}, {"reactions", t.Reactions}, {"search", t.Search}, {"quota", t.Quota},
			{"names", t.Names}, {"line", t.Line}, {"content", t.Content}, {"revisions", t.Revisions}, {"deltas", t.Deltas}, {"kept", t.Kept}, {"grants", t.Grants}, {"shut", t.Shut},
			{"codes", t.Codes}, {"behind", t.Behind}, {"peek", t.Peek}, {"rows", t.Rows}, {"walk", t.Walk}, {"forget", t.Forget}} {
			if bound.value != 0 {
				fmt.Fprintf(&b, " %s=%d", bound.name, bound.value)
			}
		}
		for _, span := range [...]struct {
			name  string
			value time.Duration
		}{{"idle", t.Idle}, {"secrets", t.Secrets}, {"ttl", t.TTL}, {"wait", t.Wait}, {"keep", t.Keep}, {"sweep", t.Sweep}} {
			if span.value != 0 {
				fmt.Fprintf(&b, " %s=%s", span.name, formatDuration(span.value))
			}
		}
		line("%s", b.String())
	}
	for i := range p.Teammates {
		line("%s", p.Teammates[i].String())
	}
}

// String writes the teammate as his line of a plan.
func (p *TeammatePlan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "teammate user=%d every=%s pipeline=%d read=%d stale=%d once=%d govern=%d account=%d guess=%d patience=%s timeout=%s",
		p.User, formatDuration(p.Every), p.Pipeline, p.Read, p.Stale, p.Once, p.Govern, p.Account, p.Guess, formatDuration(p.Patience), formatDuration(p.Timeout))
	for _, rate := range [...]struct {
		name  string
		value int64
	}{{"locks", p.Locks}, {"docs", p.Docs}, {"quit", p.Quit}, {"nap", p.Nap}, {"close", p.Close}} {
		if rate.value != 0 {
			fmt.Fprintf(&b, " %s=%d", rate.name, rate.value)
		}
	}
	if p.Stay != 0 {
		fmt.Fprintf(&b, " stay=%s", formatDuration(p.Stay))
	}
	if p.Share {
		b.WriteString(" share=yes")
	}
	if p.Anywhere {
		b.WriteString(" anywhere=yes")
	}
	return b.String()
}

// parseTeam reads the rest of the team's line.
func parseTeam(w *words) TeamPlan {
	return TeamPlan{
		Edge: w.durationOf("edge"), Gone: w.durationOf("gone"), Mode: w.integerOf("mode"), Users: w.integerOf("users"),
		Idle: w.durationOf("idle"), Secrets: w.durationOf("secrets"), Logins: w.integerOf("logins"), Edits: w.integerOf("edits"),
		Reactions: w.integerOf("reactions"), Search: w.integerOf("search"), Quota: w.integerOf("quota"),
		Names: w.integerOf("names"), TTL: w.durationOf("ttl"), Wait: w.durationOf("wait"), Line: w.integerOf("line"), Content: w.integerOf("content"),
		Revisions: w.integerOf("revisions"), Deltas: w.integerOf("deltas"), Kept: w.integerOf("kept"), Grants: w.integerOf("grants"), Shut: w.integerOf("shut"),
		Codes: w.integerOf("codes"), Behind: w.integerOf("behind"), Peek: w.integerOf("peek"),
		Keep: w.durationOf("keep"), Sweep: w.durationOf("sweep"), Rows: w.integerOf("rows"), Walk: w.integerOf("walk"), Forget: w.integerOf("forget"),
	}
}

// parseTeammate reads the rest of a teammate's line.
func parseTeammate(w *words) TeammatePlan {
	return TeammatePlan{
		User: w.integerOf("user"), Every: w.durationOf("every"), Pipeline: w.integerOf("pipeline"), Read: w.integerOf("read"), Stale: w.integerOf("stale"),
		Once: w.integerOf("once"), Govern: w.integerOf("govern"), Account: w.integerOf("account"), Guess: w.integerOf("guess"),
		Locks: w.integerOf("locks"), Docs: w.integerOf("docs"),
		Patience: w.durationOf("patience"), Timeout: w.durationOf("timeout"), Quit: w.integerOf("quit"), Nap: w.integerOf("nap"), Close: w.integerOf("close"),
		Stay: w.durationOf("stay"), Share: w.yes("share"), Anywhere: w.yes("anywhere"),
	}
}

// checkTeam refuses a team that could not work.
func (p *Plan) checkTeam() error {
	t := &p.Team
	switch {
	case t.Edge < 0 || t.Gone < 0 || t.Idle < 0 || t.Secrets < 0 || t.Logins < 0 || t.Edits < 0 || t.Reactions < 0 || t.Search < 0 || t.Quota < 0,
		t.Names < 0 || t.TTL < 0 || t.Wait < 0 || t.Line < 0 || t.Content < 0 || t.Revisions < 0 || t.Deltas < 0 || t.Kept < 0 || t.Grants < 0 || t.Shut < 0,
		t.Codes < 0 || t.Behind < 0 || t.Peek < 0 || t.Keep < 0 || t.Sweep < 0 || t.Rows < 0 || t.Walk < 0 || t.Forget < 0:
		return errors.New("plan: nothing of a team is negative")
	case t.Edge != 0 && t.Edge < timerMin:
		return fmt.Errorf("plan: a team's edge is %s or more", formatDuration(timerMin))
	case t.TTL != 0 && t.TTL < lockTTLMin || t.Wait != 0 && t.Wait < lockTTLMin:
		return fmt.Errorf("plan: a team's ttl and wait are %s or more", formatDuration(lockTTLMin))
	case t.Mode < 0 || t.Mode > int64(state.SignUpClosed) || t.Users < 0 || t.Users >= int64(len(mateNames)):
		return fmt.Errorf("plan: team mode=%d users=%d: want a mode of 1 to 3 and at most %d users", t.Mode, t.Users, len(mateNames)-1)
	}
	for i := range p.Teammates {
		m := &p.Teammates[i]
		if m.Every < timerMin || m.Stay != 0 && m.Stay < timerMin || m.Pipeline <= 0 || m.Timeout <= 0 || m.Patience <= 0 || m.User < 1 || m.User >= int64(len(mateNames)) {
			return errors.New("plan: a teammate needs user, every, pipeline, patience and timeout")
		}
		if p.Requests.Age > 0 && 2*p.Requests.repeatMax()+2*m.Timeout > p.Requests.Age {
			return errors.New("plan: a request that is on its way for twice the teammate's timeout must not outlive requests age=")
		}
	}
	if len(p.Teammates) > 0 && p.Requests.Age > 0 && 2*p.Requests.repeatMax()+2*edgeTimeout > p.Requests.Age {
		return fmt.Errorf("plan: with a team, requests age= is %s or more", formatDuration(4*edgeTimeout))
	}
	return nil
}
