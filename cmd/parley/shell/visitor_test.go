package shell

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"parley/cmd/parley/plain"
)

// What a visitor can ask of a town, in the order of the interface.

func (v *visitor) Account(ctx context.Context) (a Account, err error) {
	err = v.as(ctx, func(t *town, me string) error { a = t.resident(me).Account; return nil })
	return a, err
}

func (v *visitor) SignUp(ctx context.Context, s SignUp) (Account, error) {
	t, err := v.through(ctx)
	defer t.mu.Unlock()
	switch {
	case err != nil:
		return Account{}, err
	case t.resident(s.Username) != nil:
		return Account{}, &Error{Kind: Conflict, Text: "The name " + s.Username + " is taken"}
	case len(s.Password) < 8:
		return Account{}, &Error{Kind: Usage, Text: "A password has 8 characters or more"}
	}
	u := &resident{Account: Account{Username: s.Username, DisplayName: s.DisplayName, Email: s.Email}, password: s.Password}
	t.users = append(t.users, u)
	t.places[0].members = append(t.places[0].members, s.Username)
	t.position++
	t.tell(Event{Kind: Joined, Position: t.position, Place: t.places[0].ID, User: s.Username}, t.places[0].has)
	v.user = u
	return u.Account, nil
}

func (v *visitor) LogIn(ctx context.Context, username, password string) (Account, error) {
	t, err := v.through(ctx)
	defer t.mu.Unlock()
	u := t.resident(username)
	if err != nil {
		return Account{}, err
	}
	if u == nil || u.password != password || u.off {
		return Account{}, &Error{Kind: NotLoggedIn, Text: "User name or password is wrong"}
	}
	v.user = u
	t.position++
	t.tell(Event{Kind: Online, Position: t.position, User: u.Username}, everybody)
	return u.Account, nil
}

func (v *visitor) LogOut(ctx context.Context) error {
	return v.as(ctx, func(t *town, me string) error { v.user = nil; return nil })
}

func (v *visitor) SetPassword(ctx context.Context, old, new string) error {
	return v.as(ctx, func(t *town, me string) error {
		if v.user.password != old {
			return &Error{Kind: NotPermitted, Text: "The old password is wrong"}
		}
		v.user.password = new
		return nil
	})
}

func (v *visitor) Redeem(ctx context.Context, username, secret, password string) error {
	return &Error{Kind: NotPermitted, Text: "The secret is wrong"}
}

func (v *visitor) SetProfile(ctx context.Context, displayName, email string) error {
	return v.as(ctx, func(t *town, me string) error {
		v.user.DisplayName, v.user.Email = firstOf(displayName, v.user.DisplayName), firstOf(email, v.user.Email)
		return nil
	})
}

func (v *visitor) Logins(ctx context.Context) (l []Login, err error) {
	err = v.as(ctx, func(t *town, me string) error {
		l = []Login{{ID: "login_1", Client: "parley on a machine", Address: "192.0.2.7", Created: t.clock(), Current: true}}
		return nil
	})
	return l, err
}

func (v *visitor) Revoke(ctx context.Context, login string) error {
	return v.as(ctx, func(t *town, me string) error { return &Error{Kind: NotFound, Text: "There is no login " + login} })
}

func (v *visitor) Users(ctx context.Context) (users []User, err error) {
	err = v.as(ctx, func(t *town, me string) error {
		for _, u := range t.users {
			users = append(users, t.user(u))
		}
		return nil
	})
	return users, err
}

func (t *town) user(u *resident) User {
	online := slices.ContainsFunc(t.visitors, func(v *visitor) bool { return v.user == u })
	return User{Username: u.Username, DisplayName: u.DisplayName, Online: online}
}

// seen is a place as a user sees it.
func (t *town) seen(s *square, me string) Place {
	p := s.Place
	p.Joined, p.Members, p.AsOf, p.Read = s.has(me), len(s.members), t.position, s.read[me]
	p.Admin = slices.Contains(s.admins, me)
	for _, msg := range s.messages {
		if p.Joined && msg.Position > p.Read && msg.Sender != me {
			p.Unread++
			if strings.Contains(msg.Text, "@"+me) {
				p.Mentions++
			}
		}
	}
	if s.Direct {
		p.Name = s.members[0]
		if p.Name == me {
			p.Name = s.members[1]
		}
		u := t.user(t.resident(p.Name))
		p.DisplayName, p.Online = u.DisplayName, u.Online
		if n := len(s.messages); n > 0 {
			last := t.shownTo(s.messages[n-1], me)
			p.Last = &last
		}
	}
	return p
}

func (v *visitor) list(ctx context.Context, direct bool) (places []Place, err error) {
	err = v.as(ctx, func(t *town, me string) error {
		for _, s := range t.places {
			if s.Direct == direct && (s.has(me) || !s.Direct && !s.Private) {
				places = append(places, t.seen(s, me))
			}
		}
		return nil
	})
	return places, err
}

func (v *visitor) Channels(ctx context.Context) ([]Place, error) { return v.list(ctx, false) }
func (v *visitor) Conversations(ctx context.Context) ([]Place, error) {
	places, err := v.list(ctx, true)
	slices.SortFunc(places, func(a, b Place) int { return cmp.Compare(lastOf(b), lastOf(a)) })
	return places, err
}

func (v *visitor) CreateChannel(ctx context.Context, c NewChannel) (p Place, err error) {
	err = v.as(ctx, func(t *town, me string) error {
		if t.named(c.Name) != nil {
			return &Error{Kind: Conflict, Text: "The name " + c.Name + " is taken"}
		}
		t.position++
		s := &square{
			Place:   Place{ID: PlaceID(fmt.Sprintf("chan_%d", t.position)), Name: c.Name, Description: c.Description, Private: c.Private},
			members: []string{me}, admins: []string{me}, closed: c.InviteOnly,
		}
		t.places = append(t.places, s)
		p = t.seen(s, me)
		t.tell(Event{Kind: ChannelCreated, Position: t.position, Place: s.ID}, func(u string) bool { return u != me && !c.Private })
		return nil
	})
	return p, err
}

func (v *visitor) Join(ctx context.Context, id PlaceID) error {
	return v.as(ctx, func(t *town, me string) error {
		s := t.square(id)
		if s == nil || s.closed {
			return &Error{Kind: NotPermitted, Text: "This channel is joined by invitation"}
		}
		t.position++
		s.members = append(s.members, me)
		t.tell(Event{Kind: Joined, Position: t.position, Place: id, User: me}, s.has)
		return nil
	})
}

func (v *visitor) Leave(ctx context.Context, id PlaceID) error {
	return v.in(ctx, id, func(t *town, s *square, me string) error { return t.depart(s, me, Left) })
}

func (t *town) depart(s *square, user string, kind Kind) error {
	if !s.has(user) {
		return &Error{Kind: NotFound, Text: user + " is not a member"}
	}
	t.position++
	t.tell(Event{Kind: kind, Position: t.position, Place: s.ID, User: user}, s.has)
	s.members = slices.DeleteFunc(s.members, func(u string) bool { return u == user })
	return nil
}

func (v *visitor) AddMember(ctx context.Context, id PlaceID, user string) error {
	return v.in(ctx, id, func(t *town, s *square, me string) error {
		switch {
		case t.resident(user) == nil:
			return &Error{Kind: NotFound, Text: "There is no user " + user}
		case s.has(user):
			return &Error{Kind: Conflict, Text: user + " is a member already"}
		}
		t.position++
		s.members = append(s.members, user)
		t.tell(Event{Kind: Joined, Position: t.position, Place: id, User: user, By: me}, s.has)
		return nil
	})
}

func (v *visitor) RemoveMember(ctx context.Context, id PlaceID, user string) error {
	return v.in(ctx, id, func(t *town, s *square, me string) error { return t.depart(s, user, Removed) })
}

func (v *visitor) SetAdmin(ctx context.Context, id PlaceID, user string, admin bool) error {
	return v.in(ctx, id, func(t *town, s *square, me string) error {
		s.admins = slices.DeleteFunc(s.admins, func(u string) bool { return u == user })
		if admin {
			s.admins = append(s.admins, user)
		}
		return nil
	})
}

func (v *visitor) Archive(ctx context.Context, id PlaceID, archived bool) error {
	return v.in(ctx, id, func(t *town, s *square, me string) error {
		t.position++
		s.Archived = archived
		t.tell(Event{Kind: ChannelChanged, Position: t.position, Place: s.ID}, s.has)
		return nil
	})
}

func (v *visitor) SetInviteOnly(ctx context.Context, id PlaceID, only bool) error {
	return v.in(ctx, id, func(t *town, s *square, me string) error { s.closed = only; return nil })
}

func (v *visitor) Members(ctx context.Context, id PlaceID) (list []Member, err error) {
	err = v.in(ctx, id, func(t *town, s *square, me string) error {
		for _, u := range s.members {
			list = append(list, Member{t.user(t.resident(u)), slices.Contains(s.admins, u)})
		}
		return nil
	})
	return list, err
}

func (v *visitor) Converse(ctx context.Context, user string) (p Place, err error) {
	err = v.as(ctx, func(t *town, me string) error {
		u := t.resident(user)
		if u == nil || u.Username == me {
			return &Error{Kind: NotFound, Text: "There is no other user " + user}
		}
		p = t.seen(t.conversation(me, u.Username), me)
		return nil
	})
	return p, err
}

func (t *town) conversation(a, b string) *square {
	for _, s := range t.places {
		if s.Direct && s.has(a) && s.has(b) {
			return s
		}
	}
	t.position++
	s := &square{Place: Place{ID: PlaceID(fmt.Sprintf("conv_%d", t.position)), Direct: true}, members: []string{a, b}}
	t.places = append(t.places, s)
	return s
}

func (v *visitor) Send(ctx context.Context, d Draft) (sent Sent, err error) {
	err = v.in(ctx, d.Place, func(t *town, s *square, me string) error {
		if have, ok := t.sent[d.Key]; ok {
			sent = have
			return nil
		}
		if err := v.refuse; err != nil {
			v.refuse = nil
			return err
		}
		sent = t.post(s, me, d.Text, d.ReplyTo)
		t.sent[d.Key] = sent
		if v.unsure {
			v.unsure = false
			return &Error{Kind: Unknown, Text: "The node died before it answered"}
		}
		return nil
	})
	return sent, err
}

func (t *town) post(s *square, sender, text, replyTo string) Sent {
	t.position++
	m := &posting{Message: Message{ID: fmt.Sprintf("msg_%d", t.position), Place: s.ID, Position: t.position, Sender: sender, Text: text, Time: t.clock(), ReplyTo: replyTo, AsOf: t.position}}
	s.messages = append(s.messages, m)
	t.tell(Event{Kind: Posted, Position: t.position, Place: s.ID, Message: m.Message}, s.has)
	return Sent{m.ID, m.Position, m.Time}
}

// says is a message of somebody, by another way than a visitor.
func (t *town) says(user, place, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if partner, ok := strings.CutPrefix(place, "@"); ok {
		t.post(t.conversation(user, partner), user, text, "")
		return
	}
	t.post(t.named(strings.TrimPrefix(place, "#")), user, text, "")
}

// of calls f with a message in a place that the user is in.
func (v *visitor) of(ctx context.Context, id string, f func(t *town, s *square, msg *posting, me string) error) error {
	return v.as(ctx, func(t *town, me string) error {
		for _, s := range t.places {
			for _, msg := range s.messages {
				if msg.ID == id && s.has(me) {
					return f(t, s, msg, me)
				}
			}
		}
		return &Error{Kind: NotFound, Text: "There is no message " + id}
	})
}

func (v *visitor) Edit(ctx context.Context, id, text string) error {
	return v.of(ctx, id, func(t *town, s *square, msg *posting, me string) error {
		if msg.Sender != me {
			return &Error{Kind: NotPermitted, Text: "This message is not yours"}
		}
		if s.edits == nil {
			s.edits = map[string][]Revision{}
		}
		s.edits[id] = append(s.edits[id], Revision{msg.Text, msg.Time})
		t.position++
		msg.Text, msg.Edited = text, true
		t.tell(Event{Kind: Edited, Position: t.position, Place: s.ID, Message: t.shownTo(msg, me)}, s.has)
		return nil
	})
}

func (v *visitor) Delete(ctx context.Context, id string) error {
	return v.of(ctx, id, func(t *town, s *square, msg *posting, me string) error {
		by := BySender
		if msg.Sender != me {
			if by = ByAdmin; !slices.Contains(s.admins, me) {
				return &Error{Kind: NotPermitted, Text: "This message is not yours"}
			}
		}
		t.position++
		msg.Text, msg.Deleted, msg.chosen = "", by, nil
		t.tell(Event{Kind: Deleted, Position: t.position, Place: s.ID, User: me, Message: Message{ID: id, Deleted: by}}, s.has)
		return nil
	})
}

func (v *visitor) React(ctx context.Context, id, emoji string, on bool) error {
	return v.of(ctx, id, func(t *town, s *square, msg *posting, me string) error {
		t.position++
		i := slices.IndexFunc(msg.chosen, func(c choosing) bool { return c.emoji == emoji })
		if i < 0 {
			i = len(msg.chosen)
			msg.chosen = append(msg.chosen, choosing{emoji: emoji})
		}
		users := slices.DeleteFunc(slices.Clone(msg.chosen[i].users), func(u string) bool { return u == me })
		if on {
			users = append(users, me)
		}
		msg.chosen[i].users = users
		t.tell(Event{Kind: Reacted, Position: t.position, Place: s.ID, User: me, Message: Message{ID: id}}, s.has)
		return nil
	})
}

func (v *visitor) Message(ctx context.Context, id string) (m Message, err error) {
	err = v.of(ctx, id, func(t *town, _ *square, msg *posting, me string) error { m = t.shownTo(msg, me); return nil })
	return m, err
}

func (v *visitor) History(ctx context.Context, id PlaceID, p Page) (h History, err error) {
	err = v.in(ctx, id, func(t *town, s *square, me string) error {
		end := len(s.messages)
		for end > 0 && p.Before > 0 && s.messages[end-1].Position >= p.Before {
			end--
		}
		begin := max(end-p.Limit, 0)
		h = History{More: begin > 0, AsOf: t.position}
		for _, msg := range s.messages[begin:end] {
			h.Messages = append(h.Messages, t.shownTo(msg, me))
		}
		return nil
	})
	return h, err
}

// where returns all messages that the user may read and f likes, the newest first.
func (v *visitor) where(ctx context.Context, f func(msg Message, me string) bool) (found []Message, err error) {
	err = v.as(ctx, func(t *town, me string) error {
		for _, s := range t.places {
			for _, msg := range s.messages {
				if s.has(me) && f(msg.Message, me) {
					found = append(found, t.shownTo(msg, me))
				}
			}
		}
		slices.SortFunc(found, func(a, b Message) int { return cmp.Compare(b.Position, a.Position) })
		return nil
	})
	return found, err
}

func (v *visitor) Thread(ctx context.Context, id string) ([]Message, error) {
	found, err := v.where(ctx, func(msg Message, _ string) bool { return msg.ID == id || msg.ReplyTo == id })
	slices.Reverse(found)
	return found, err
}

func (v *visitor) Search(ctx context.Context, query string) ([]Message, error) {
	return v.where(ctx, func(msg Message, _ string) bool {
		return strings.Contains(strings.ToLower(msg.Text), strings.ToLower(query))
	})
}

func (v *visitor) Mentions(ctx context.Context) ([]Message, error) {
	return v.where(ctx, func(msg Message, me string) bool { return strings.Contains(msg.Text, "@"+me) })
}

func (v *visitor) Edits(ctx context.Context, id string) (all []Revision, err error) {
	err = v.of(ctx, id, func(t *town, s *square, msg *posting, me string) error {
		all = append(slices.Clone(s.edits[id]), Revision{msg.Text, msg.Time})
		return nil
	})
	return all, err
}

func (v *visitor) MarkRead(ctx context.Context, id PlaceID, through Position) error {
	return v.in(ctx, id, func(t *town, s *square, me string) error {
		if s.read == nil {
			s.read = map[string]Position{}
		}
		if through > s.read[me] {
			s.read[me] = through
			t.tell(Event{Kind: WasRead, Place: id, User: me, Through: through}, func(u string) bool { return u == me })
		}
		return nil
	})
}

func (v *visitor) Typing(ctx context.Context, id PlaceID) error {
	return v.in(ctx, id, func(t *town, s *square, me string) error {
		t.tell(Event{Kind: Typing, Place: id, User: me}, func(u string) bool { return u != me && s.has(u) })
		return nil
	})
}

func (v *visitor) Files(ctx context.Context, id PlaceID) (list []File, err error) {
	err = v.in(ctx, id, func(t *town, s *square, me string) error { list = slices.Clone(s.files); return nil })
	return list, err
}

func (v *visitor) Upload(ctx context.Context, id PlaceID, path, description string, progress func(done, all int64)) (f File, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	err = v.in(ctx, id, func(t *town, s *square, me string) error {
		t.position++
		f = File{ID: fmt.Sprintf("file_%d", t.position), Name: plain.Name(filepath.Base(path)), Description: description, Uploader: me, Size: int64(len(b)), Time: t.clock()}
		s.files = append(s.files, f)
		if s.contents == nil {
			s.contents = map[string][]byte{}
		}
		s.contents[f.ID] = b
		return nil
	})
	for done := range 4 {
		progress(int64(done+1), 4)
	}
	return f, err
}

func (v *visitor) Download(ctx context.Context, id, path string, progress func(done, all int64)) (string, error) {
	var found *File
	var contents []byte
	err := v.as(ctx, func(t *town, me string) error {
		for _, s := range t.places {
			for _, f := range s.files {
				if f.ID == id && s.has(me) {
					found, contents = &f, s.contents[id]
					return nil
				}
			}
		}
		return &Error{Kind: NotFound, Text: "There is no file " + id}
	})
	if err != nil {
		return "", err
	}
	path = firstOf(path, found.Name)
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = out.Write(contents)
	progress(found.Size, found.Size)
	return path, cmp.Or(err, out.Close())
}

func (v *visitor) SmartReply(context.Context, PlaceID) ([]string, string, error) {
	return []string{"Yes, gladly", "Later today", "No, sorry"}, "offline", nil
}

func (v *visitor) Summarize(ctx context.Context, id PlaceID, n int) (s Summary, err error) {
	err = v.in(ctx, id, func(t *town, sq *square, me string) error {
		s = Summary{Text: fmt.Sprintf("%d messages", min(n, len(sq.messages))), KeyPoints: []string{"nothing was decided"}, Source: "offline"}
		return nil
	})
	return s, err
}

func (v *visitor) Suggest(_ context.Context, _ PlaceID, text string) (Suggestions, error) {
	return Suggestions{Completions: []string{text + " everybody"}, Topics: []string{"lunch"}, Source: "offline"}, nil
}

func (v *visitor) Ask(_ context.Context, _ PlaceID, question string, answer func(part string, anew bool)) (string, error) {
	if strings.Contains(question, "model") {
		return "", &Error{Kind: NotAvailable, Text: "This cluster has no model"}
	}
	answer("this was", false)
	answer("", true)
	for _, w := range strings.SplitAfter("a digest is "+fmt.Sprintf("%x", sha256.Sum256([]byte(question)))[:8], " ") {
		answer(w, false)
	}
	return "offline", nil
}

func (v *visitor) Claim(context.Context, string) error {
	return &Error{Kind: NotPermitted, Text: "The token is wrong"}
}
func (v *visitor) Invite(context.Context) (string, error) { return "code-1", nil }
func (v *visitor) Disable(ctx context.Context, user string, off bool) error {
	return v.as(ctx, func(t *town, me string) error {
		u := t.resident(user)
		if u == nil {
			return &Error{Kind: NotFound, Text: "There is no user " + user}
		}
		u.off = off
		for _, other := range t.visitors {
			if off && other.user == u {
				other.push(Event{Kind: Revoked})
				other.user = nil
			}
		}
		return nil
	})
}
func (v *visitor) GrantAdmin(context.Context, string, bool) error { return nil }
func (v *visitor) ResetPassword(context.Context, string) (string, error) {
	return "secret-1", nil
}
func (v *visitor) Reconnect(context.Context) error { return nil }
func (v *visitor) Status(context.Context) (Status, error) {
	return Status{Leader: "1", Term: 4, Nodes: []Node{
		{ID: "1", Address: "node-1", Role: "leader", Version: "1", Alive: true, Commit: 120, Applied: 120},
		{ID: "2", Address: "node-2", Role: "follower", Version: "1"},
	}}, nil
}
