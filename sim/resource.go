package sim

import (
	"time"

	"parley/raft"
)

// resource is something outside of the cluster that a lock protects. Whoever believes to hold the lock writes to it
// under its fence, and the write may be long on its way. The resource knows nothing of locks: it remembers the
// highest fence that it has seen and refuses what comes under a lower one. That is all that keeps a holder out who
// does not know yet that he is none; so it must do.
type resource struct {
	name    string
	highest raft.Position
	last    raft.Position // of the grant that the last accepted write came under
}

// use is a write on its way to a resource.
type use struct {
	client int
	owner  string // in whose name
	grip   grip
}

// uses has a client write to what one of its locks protects.
func (c *client) uses(what uint64) {
	w, x := c.w, raft.Mix(what, 7)
	if below(x, 3) > 0 {
		return
	}
	u, ttl := use{client: c.number}, c.plan.TTL
	if c.mate != nil {
		ttl = time.Duration(orElse(int64(w.plan.Team.TTL), int64(2*time.Second)))
		u.grip, u.owner = c.gripOfTeam(raft.Mix(x, 1))
	} else if g := c.gripFor(raft.Mix(x, 1)); g != nil && !g.over {
		u.grip, u.owner = *g, c.plan.principal(c.number)
	}
	g := u.grip
	if g.fence == 0 {
		return
	}
	late := int64(0)
	if below(raft.Mix(x, 2), 4) == 0 {
		late = exponential(raft.Mix(x, 3), int64(ttl))
	}
	if w.trace.on() {
		w.trace.say("; writes under fence %d of %s", g.fence, g.name)
	}
	w.agenda.push(event{at: w.now + c.delay() + late, priority: priorityNormal, kind: eventResource, who: int32(c.number), arg: w.uses.put(u)})
}

// used judges a write as the resource takes or refuses it.
func (w *World) used(e *event) {
	u := w.uses.take(e.arg)
	w.trace.begin(e)
	r := w.resourceOf(u.grip.name)
	accepts := u.grip.fence >= r.highest
	w.trace.put(uint64(u.grip.fence))
	if w.trace.on() {
		w.trace.say("writes to %s under fence %d: %s", r.name, u.grip.fence, yesNo(accepts))
	}
	grant := w.grantUnder(u)
	switch {
	case grant == nil || grant.holder != u.owner:
		w.violate(Fences, "Client %d writes to %s under fence %d, under which the lock was never granted to it.", u.client, r.name, u.grip.fence)
	case accepts && grant.at < r.last:
		w.violate(Fences, "%s accepts a write under fence %d, granted at position %d, after one that was granted at position %d.", r.name, u.grip.fence, grant.at, r.last)
	case !accepts && grant.at >= r.last:
		w.violate(Fences, "%s refuses a write under fence %d, granted at position %d, and has accepted none under a later grant.", r.name, u.grip.fence, grant.at)
	case accepts:
		r.highest, r.last = u.grip.fence, grant.at
	default:
		w.cover.Fenced++
	}
}

// grantUnder finds the newest grant of a lock under a fence.
func (w *World) grantUnder(u use) *lockGrant {
	var grants []lockGrant
	if h := w.judges.locks.model.find(u.grip.name); h != nil {
		grants = h.grants
	} else if w.team != nil {
		grants = w.team.desk.lock(u.grip.name).grants
	}
	for i := len(grants) - 1; i >= 0; i-- {
		if grants[i].fence == u.grip.fence {
			return &grants[i]
		}
	}
	return nil
}

// gripOfTeam draws one of the last locks that a teammate's login was granted, whether it has it still or not.
func (c *client) gripOfTeam(x uint64) (g grip, owner string) {
	const late = 20
	all := c.w.team.model.grips
	for i := len(all) - 1; i >= max(0, len(all)-late); i-- {
		if t := &all[i]; c.mate.login != 0 && t.login == c.mate.login && below(raft.Mix(x, uint64(i)), 3) > 0 {
			return grip{name: t.lock.name, fence: t.fence}, loginOwner(t.login)
		}
	}
	return grip{}, ""
}

func (w *World) resourceOf(name string) *resource {
	for i := range w.resources {
		if w.resources[i].name == name {
			return &w.resources[i]
		}
	}
	w.resources = append(w.resources, resource{name: name})
	return &w.resources[len(w.resources)-1]
}
