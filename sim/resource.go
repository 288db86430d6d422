package sim

import (
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
	grip   grip
}

// uses has a client write to what one of its locks protects.
func (c *client) uses(what uint64) {
	w, x := c.w, raft.Mix(what, 7)
	g := c.gripFor(raft.Mix(x, 1))
	if g == nil || g.over || below(x, 3) > 0 {
		return
	}
	late := int64(0)
	if below(raft.Mix(x, 2), 4) == 0 {
		late = exponential(raft.Mix(x, 3), int64(c.plan.TTL))
	}
	if w.trace.on() {
		w.trace.say("; writes under fence %d of %s", g.fence, g.name)
	}
	w.heap.push(event{at: w.now + c.delay() + late, priority: priorityNormal, kind: eventResource, who: int32(c.number), arg: w.uses.put(use{c.number, *g})})
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
	grant := w.judges.locks.grantUnder(u)
	switch {
	case grant == nil || grant.holder != w.clients[u.client-1].plan.principal(u.client):
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
func (j *locks) grantUnder(u use) *lockGrant {
	h := j.model.find(u.grip.name)
	if h == nil {
		return nil
	}
	for i := len(h.grants) - 1; i >= 0; i-- {
		if h.grants[i].fence == u.grip.fence {
			return &h.grants[i]
		}
	}
	return nil
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
