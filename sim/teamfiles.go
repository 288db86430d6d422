package sim

import (
	"cmp"
	"slices"

	"parley/raft"
	files "parley/statemachine/file"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

// ofFiles executes what is done to files.
func (d *teamDeed) ofFiles(c state.Command) (reply state.Coded, refusal *state.Refusal, mine bool) {
	switch c := c.(type) {
	case *files.Attach:
		reply, refusal = d.attach(c)
	case *files.Remove:
		reply, refusal = d.removeFile(c)
	default:
		return nil, nil, false
	}
	return reply, refusal, true
}

// notUploaded is the answer to who names a content that he has not brought. Whether a pin is still in force at an entry
// the nodes' own table says, of which the model knows nothing; the judge asks that somebody can have uploaded it.
const notUploaded = "NOT_UPLOADED"

func (d *teamDeed) attach(c *files.Attach) (state.Coded, *state.Refusal) {
	a, begin, refusal := d.targetToPost(c.Place)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := d.room(d.user, &a, c.Size); refusal != nil {
		return nil, refusal
	}
	if d.lacks {
		return nil, refused(state.Precondition, notUploaded)
	}
	if begin != nil {
		a = d.open(begin)
	}
	f := &teamFile{place: a.place, File: state.File{ID: state.FileID(d.at), Place: a.place.id, Name: c.Name, Size: c.Size, Sum: c.Sum, Type: c.Type,
		Description: c.Description, Owner: d.user.id, Time: d.applied.Time, Wall: d.wall}}
	f.is.put(d.at, true)
	a.place.files, d.files, d.fileOf[f.ID] = append(a.place.files, f), append(d.files, f), f
	used := d.user.usage.when(d.at)
	d.user.usage.put(d.at, state.Usage{Bytes: used.Bytes + c.Size, Files: used.Files + 1})
	d.aboutFile(state.EventFileAdded, f)
	return d.attached(f), nil
}

// names reports whether some file has a content, as far as anybody has applied.
func (m *teamModel) names(sum [32]byte) bool {
	return slices.ContainsFunc(m.files, func(f *teamFile) bool { return f.Sum == sum && f.is.when(^raft.Position(0)) })
}

// room says why a file is too much.
func (v *teamView) room(u *teamUser, a *teamAccess, size uint64) *state.Refusal {
	switch {
	case u.usage.when(v.at).Bytes+size > uint64(v.limits.QuotaBytes):
		return refused(state.Exhausted, "QUOTA_EXCEEDED")
	case a.place != nil && a.is.Files >= uint64(v.limits.FilesPerPlaceMax):
		return refused(state.Exhausted, "FILES_FULL")
	}
	return nil
}

func (d *teamDeed) aboutFile(kind state.EventKind, f *teamFile) {
	d.event(state.Event{Kind: kind, Audience: state.ForPlace(f.Place), Place: f.Place, File: f.ID, User: d.user.id})
}

// fileFor returns a file of a place that the viewer may read; what he may not know of is said not to exist.
func (v *teamView) fileFor(ref string) (*teamFile, *state.Refusal) {
	id, ok := state.ParseFileID(ref)
	f := v.fileOf[id]
	if !ok || f == nil || !f.is.when(v.at) || !v.standing(f.place).may[deedRead] {
		return nil, missing("file_")
	}
	return f, nil
}

func (d *teamDeed) removeFile(c *files.Remove) (state.Coded, *state.Refusal) {
	f, refusal := d.fileFor(c.ID)
	if refusal != nil {
		return nil, refusal
	}
	if f.Owner != d.user.id && !d.standing(f.place).may[deedModerate] {
		return nil, refused(state.NotPermitted, "NOT_UPLOADER")
	}
	d.takeFile(f)
	d.aboutFile(state.EventFileRemoved, f)
	if f.Owner != d.user.id {
		is := f.place.when(d.at)
		d.audit("file.delete", placeID(&is), "file_"+base36(uint64(f.ID))+" of "+d.nameOf(f.Owner))
	}
	return &files.Removed{}, nil
}

// takeFile takes a file away, and gives its owner the room back.
func (d *teamDeed) takeFile(f *teamFile) {
	f.is.put(d.at, false)
	owner := d.userOf[f.Owner]
	used := owner.usage.when(d.at)
	owner.usage.put(d.at, state.Usage{Bytes: used.Bytes - f.Size, Files: used.Files - 1})
}

func (v *teamView) attached(f *teamFile) *files.Attached {
	is := f.place.is.when(v.at)
	return &files.Attached{File: f.File, PlaceID: placeID(&is), Called: v.called(&is), OwnerName: v.nameOf(f.Owner)}
}

// byServers executes what nodes' servers say about who is there.
func (d *teamDeed) byServers(c state.Command) (reply state.Coded, refusal *state.Refusal, mine bool) {
	told := &presence.Announced{Position: d.at}
	switch c := c.(type) {
	case *presence.Announce:
		for _, change := range c.Changes {
			if u := d.userOf[change.User]; u != nil && d.exists(u) && d.connect(c.Node, u, change.Online) {
				told.Changed++
			}
		}
	case *presence.NodeGone:
		for _, e := range d.connectedAt(c.Node) {
			d.connect(c.Node, e.user, false)
			told.Changed++
		}
	default:
		return nil, nil, false
	}
	return told, nil, true
}

// connectedAt returns who is connected at a node, in the order of their ids.
func (v *teamView) connectedAt(node raft.NodeID) (edges []*teamEdge) {
	for _, e := range v.edges {
		if e.node == node && e.is.when(v.at) {
			edges = append(edges, e)
		}
	}
	slices.SortFunc(edges, func(a, b *teamEdge) int { return cmp.Compare(a.user.id, b.user.id) })
	return edges
}

// connect takes down that somebody has a stream at a node now, or none any more, and reports whether that is new.
func (d *teamDeed) connect(node raft.NodeID, u *teamUser, online bool) bool {
	at := slices.IndexFunc(d.edges, func(e *teamEdge) bool { return e.node == node && e.user == u })
	if at < 0 {
		d.edges, at = append(d.edges, &teamEdge{node: node, user: u}), len(d.edges)
	}
	e := d.edges[at]
	if e.is.when(d.at) == online || online && u.is.when(d.at).Disabled {
		return false
	}
	e.is.put(d.at, online)
	p := u.presence.when(d.at)
	was := p.Nodes > 0
	if online {
		p.Nodes++
	} else {
		p.Nodes--
	}
	if is := p.Nodes > 0; is != was {
		p.Seen = d.wall
		kind := state.EventOffline
		if is {
			kind = state.EventOnline
		}
		d.event(state.Event{Kind: kind, Audience: state.ForAll(), User: u.id})
	}
	u.presence.put(d.at, p)
	return true
}
