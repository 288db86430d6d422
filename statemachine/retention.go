package statemachine

import (
	"time"

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
		room = expirePosts(t, p.ID, keptFrom(at.Time, keep.Messages), room)
		room = expireFiles(t, p.ID, keptFrom(at.Time, keep.Files), room)
		if room <= 0 {
			next = p.ID
			return false
		}
		return true
	})
	m.SweptTo(at.Time, next)
}

// keptFrom is the log time from which on things are kept, if they are for so long; zero: for ever.
func keptFrom(now raft.LogTime, keep time.Duration) raft.LogTime {
	if keep == 0 {
		return 0
	}
	return max(0, now-raft.LogTime(keep))
}

// expirePosts takes away the oldest messages of a place while they are too old, and behind each what is left of it. It returns
// what is left of room.
func expirePosts(t *state.Txn, place state.PlaceID, from raft.LogTime, room int) int {
	room = t.DropRest(place, room)
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
		chat.Expire(t, &oldest)
		room = t.DropRest(place, room-1)
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
