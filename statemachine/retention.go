package statemachine

import (
	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/chat"
	"parley/statemachine/file"
	"parley/statemachine/state"
)

// sweep takes away what is too old to be kept, some with each entry: no more rows than Limits.SweepRowsMax, of no more
// places than Limits.SweepPlacesMax. Where it stops is where it goes on.
func (m *Machine) sweep(at node.Applied, blobs node.Names) {
	k, due := m.SweepDue(at.Time)
	if !due {
		return
	}
	keep := m.Retention()
	t := &state.Txn{View: state.View{State: m.State}, At: at, Blobs: blobs}
	room, places := m.Limits.SweepRowsMax, 0
	next := state.PlaceID(0)
	m.PlacesFrom(k.Place, func(p *state.Place) bool {
		if places++; places > m.Limits.SweepPlacesMax {
			next = p.ID
			return false
		}
		if keep.Messages != 0 {
			room = expirePosts(t, p.ID, before(at.Time, int64(keep.Messages)), room)
		}
		if keep.Files != 0 && room > 0 {
			room = expireFiles(t, p.ID, before(at.Time, int64(keep.Files)), room)
		}
		if room <= 0 {
			next = p.ID
			return false
		}
		return true
	})
	m.SweptTo(at.Time, next)
}

// before is the log time from which on things are kept.
func before(now raft.LogTime, keep int64) raft.LogTime {
	return max(0, now-raft.LogTime(keep))
}

// expirePosts takes away the oldest messages of a place while they are too old, and returns what is left of room.
func expirePosts(t *state.Txn, place state.PlaceID, from raft.LogTime, room int) int {
	for room > 0 {
		var oldest state.Post
		found := false
		t.PostsFrom(place, 0, func(p *state.Post) bool {
			oldest, found = *p, p.Time < from
			return false
		})
		if !found {
			return room
		}
		room = chat.Expire(t, &oldest, room)
	}
	return room
}

// expireFiles does the same with files.
func expireFiles(t *state.Txn, place state.PlaceID, from raft.LogTime, room int) int {
	t.FilesFrom(place, func(f *state.File) bool {
		if room <= 0 || f.Time >= from {
			return false
		}
		file.Expire(t, f)
		room--
		return true
	})
	return room
}
