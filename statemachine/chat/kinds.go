package chat

import (
	"parley/raft"
	"parley/statemachine/state"
)

// The kinds of the commands and queries of this package. They are in logs; they never change.
const (
	kindSend            = 40
	kindEdit            = 41
	kindUnsend          = 42
	kindReact           = 43
	kindUnreact         = 44
	kindMarkRead        = 45
	kindCreateChannel   = 50
	kindJoin            = 51
	kindLeave           = 52
	kindAddMember       = 53
	kindRemoveMember    = 54
	kindPromote         = 55
	kindDemote          = 56
	kindArchive         = 57
	kindUnarchive       = 58
	kindUpdateChannel   = 59
	kindInspectChannel  = 60
	kindInspectChannels = 61

	kindHistory       = 40
	kindThread        = 41
	kindEditsOf       = 42
	kindGetMessage    = 43
	kindMentions      = 44
	kindSearch        = 45
	kindChannels      = 50
	kindChannelOf     = 51
	kindMembers       = 52
	kindConversations = 53
	kindPlaceOf       = 54
)

// Done answers a command about which there is nothing to say but that it is done.
type Done struct{}

// Code passes nothing.
func (*Done) Code(*state.Coder) {}

// limitOf returns how many items a page has for which a caller asked.
func limitOf(asked uint64, usual, most int) int {
	if asked == 0 {
		return usual
	}
	return int(min(asked, uint64(most)))
}

// record puts an event about a place into the backlog, for its members.
func record(t *state.Txn, kind state.EventKind, place state.PlaceID, message raft.Position) {
	t.Record(t.At.Position, &state.Event{Kind: kind, Audience: state.ForPlace(place), Place: place, Message: message, User: t.User.ID})
}
