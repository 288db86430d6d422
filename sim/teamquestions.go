package sim

import (
	"fmt"
	"strings"

	"parley/raft"
	"parley/statemachine/account"
	"parley/statemachine/chat"
	"parley/statemachine/document"
	files "parley/statemachine/file"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

// question draws what somebody asks.
func (s *wisher) question(x uint64) state.Query {
	limit := [...]uint64{0, 1, 3, 50}[below(raft.Mix(x, 1), 4)]
	if p := s.c.mate.plan; int64(below(raft.Mix(x, 9), 1500)) < p.Locks+p.Docs {
		return s.questionAtDesk(raft.Mix(x, 10), limit)
	}
	if s.inclined(raft.Mix(x, 11), s.w.plan.Team.Peek) {
		return &files.FileOf{ID: s.fileSeen(raft.Mix(x, 12))}
	}
	switch pick := below(x, 100); {
	case pick < 24:
		q := &chat.History{Place: s.placeRef(raft.Mix(x, 2)), Limit: limit, Forward: below(raft.Mix(x, 3), 4) == 0}
		if below(raft.Mix(x, 4), 3) == 0 {
			q.After = s.somewhere(raft.Mix(x, 5))
		}
		if below(raft.Mix(x, 6), 3) == 0 {
			q.Before = s.somewhere(raft.Mix(x, 7))
		}
		return q
	case pick < 36:
		q := &chat.Search{Text: s.wordsToFind(raft.Mix(x, 2)), Limit: limit}
		if below(raft.Mix(x, 3), 3) == 0 {
			q.Place = s.placeRef(raft.Mix(x, 4))
		}
		if below(raft.Mix(x, 5), 4) == 0 {
			q.Before = s.somewhere(raft.Mix(x, 6))
		}
		return q
	case pick < 42:
		q := &chat.Mentions{Limit: limit, Unread: below(raft.Mix(x, 2), 2) == 0}
		if below(raft.Mix(x, 3), 3) == 0 {
			q.Before = s.somewhere(raft.Mix(x, 4))
		}
		return q
	case pick < 48:
		q := &chat.Thread{ID: s.messageRef(raft.Mix(x, 2)), Limit: limit}
		if below(raft.Mix(x, 3), 3) == 0 {
			q.After = s.somewhere(raft.Mix(x, 4))
		}
		return q
	case pick < 52:
		return &chat.EditsOf{ID: s.messageRef(raft.Mix(x, 2))}
	case pick < 56:
		return &chat.GetMessage{ID: s.messageRef(raft.Mix(x, 2))}
	case pick < 64:
		q := &chat.Channels{Limit: limit, Joined: below(raft.Mix(x, 2), 2) == 0}
		if below(raft.Mix(x, 3), 4) == 0 {
			q.After = "random"
		}
		return q
	case pick < 69:
		return &chat.ChannelOf{Place: s.channelRef(raft.Mix(x, 2))}
	case pick < 75:
		q := &chat.Members{Place: s.channelRef(raft.Mix(x, 2)), Limit: limit}
		if below(raft.Mix(x, 3), 4) == 0 {
			q.After = s.users[below(raft.Mix(x, 4), uint64(len(s.users)))].id
		}
		return q
	case pick < 80:
		q := &chat.Conversations{Limit: limit}
		if below(raft.Mix(x, 2), 4) == 0 {
			q.Before = s.somewhere(raft.Mix(x, 3))
		}
		return q
	case pick < 83:
		return &chat.PlaceOf{Place: s.placeRef(raft.Mix(x, 2))}
	case pick < 88:
		return s.questionAboutFiles(x, limit)
	}
	return s.questionAboutUsers(x, limit)
}

func (s *wisher) questionAboutFiles(x, limit uint64) state.Query {
	switch below(raft.Mix(x, 2), 3) {
	case 0:
		return &files.FileOf{ID: s.fileRef(raft.Mix(x, 3))}
	case 1:
		return &files.MayAttach{Place: s.placeRef(raft.Mix(x, 3)), Size: below(raft.Mix(x, 4), 20_000)}
	}
	return &files.Files{Place: s.placeRef(raft.Mix(x, 3)), Limit: limit}
}

func (s *wisher) questionAboutUsers(x, limit uint64) state.Query {
	if s.inclined(raft.Mix(x, 5), s.w.plan.Team.Forget) {
		return &account.RetentionOf{}
	}
	name := s.userName(raft.Mix(x, 2))
	switch below(raft.Mix(x, 3), 7) {
	case 0:
		return &account.WhoAmI{}
	case 1:
		return &account.Logins{User: [...]string{"", name}[below(raft.Mix(x, 4), 2)]}
	case 2:
		return &account.Users{Limit: limit, Cursor: [...]string{"", name}[below(raft.Mix(x, 4), 2)]}
	case 3:
		return &account.UserOf{Name: name}
	case 4:
		return &account.Audit{Limit: limit, Position: s.somewhere(raft.Mix(x, 4))}
	}
	return &presence.Who{All: below(raft.Mix(x, 4), 2) == 0, Limit: limit, Cursor: [...]string{"", "", name}[below(raft.Mix(x, 5), 3)]}
}

// somewhere draws a position that means something.
func (s *wisher) somewhere(x uint64) raft.Position {
	if n := uint64(len(s.posts)); n > 0 {
		return s.posts[below(x, n)].id.Position + raft.Position(below(raft.Mix(x, 1), 2))
	}
	return raft.Position(below(x, 100))
}

// wordsToFind draws one word or two, in any case; rarely none.
func (s *wisher) wordsToFind(x uint64) string {
	if s.guesses(raft.Mix(x, 1), 10) {
		return "., -"
	}
	words := vocabulary[below(raft.Mix(x, 2), uint64(len(vocabulary)))]
	if below(raft.Mix(x, 3), 3) == 0 {
		words = strings.ToUpper(words) + " " + vocabulary[below(raft.Mix(x, 4), uint64(len(vocabulary)))]
	}
	return words
}

// describeTeam says what an operation of the team is, for traces.
func describeTeam(o *teamOp) string {
	what := any(o.query)
	if o.command != nil {
		what = o.command
	}
	line := strings.TrimPrefix(fmt.Sprintf("%T", what), "*")
	_, channel := what.(*chat.UpdateChannel)
	_, doc := what.(*document.Configure)
	if !channel && !doc { // where something is in memory says nothing
		line += strings.TrimPrefix(fmt.Sprintf("%+v", what), "&")
	}
	if len(line) > 160 {
		line = line[:160] + "…"
	}
	if o.head.Login == 0 {
		return line
	}
	return fmt.Sprintf("under login %d: %s", o.head.Login, line)
}
