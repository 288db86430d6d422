package sim

import (
	"slices"
	"strings"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/account"
	"parley/statemachine/chat"
	files "parley/statemachine/file"
	"parley/statemachine/state"
)

// What teammates want is drawn from what there is, as the model has it by now: a simulated person knows everybody, every
// channel and every message, and may try things that a real one would have to guess.

// wisher is somebody with a wish, and the team as it is when he has it.
type wisher struct {
	*teamView
	w     *World
	c     *client
	op    *operation
	guess int64
}

// wishes draws what a teammate does next.
func (c *client) wishes(op *operation, x uint64) {
	w, m := c.w, c.mate
	s := &wisher{teamView: w.team.view(w.team.person(m.plan.User)), w: w, c: c, op: op, guess: m.plan.Guess}
	op.team.head = state.Head{Login: m.login, Proof: m.proof}
	if m.login == 0 && below(raft.Mix(x, 1), 10) > 0 {
		s.logIn(raft.Mix(x, 2), s.user)
		return
	}
	if s.guesses(raft.Mix(x, 3), 3) {
		s.forge(raft.Mix(x, 4))
	}
	switch pick := raft.Mix(x, 5); {
	case int64(below(pick, 1000)) < m.plan.Read:
		if int64(below(raft.Mix(x, 6), 1000)) < m.plan.Stale {
			op.consistency = node.Stale
		}
		op.team.query = s.question(raft.Mix(x, 7))
		return
	case s.inclined(raft.Mix(x, 13), s.forgetful()):
		op.team.command = s.retention(raft.Mix(x, 14))
	case s.desk(op, raft.Mix(x, 12)):
	case int64(below(raft.Mix(pick, 1), 1000)) < m.plan.Account:
		s.account(raft.Mix(x, 8))
	case int64(below(raft.Mix(pick, 2), 1000)) < m.plan.Govern:
		op.team.command = s.govern(raft.Mix(x, 9))
	default:
		op.team.command = s.say(raft.Mix(x, 10))
	}
	if once := raft.Mix(x, 11); op.request.id == "" && int64(below(once, 1000)) < m.plan.Once {
		s.w.asJob(s.user, op, once)
	}
}

// guesses reports whether the wish is to be one of the bad ones; of so many that are, one is of this kind.
func (s *wisher) guesses(x, of uint64) bool { return int64(below(x, 1000*of)) < s.guess }

// inclined reports whether it is one of so many of 1,000.
func (s *wisher) inclined(x uint64, rate int64) bool { return rate > 0 && int64(below(x, 1000)) < rate }

// logIn has the user log in; now and then with a password that was changed meanwhile, or as somebody else.
func (s *wisher) logIn(x uint64, u *teamUser) {
	secret := secretOf(raft.Mix(x, 1))
	c := &account.LogIn{User: u.id, Version: u.password.when(s.at).version, Secret: secret, Client: "process " + formatUint(uint64(s.c.number)), Loopback: !s.guesses(raft.Mix(x, 2), 4)}
	if s.guesses(raft.Mix(x, 3), 4) {
		c.Version--
	}
	if s.guesses(raft.Mix(x, 4), 8) {
		c.User += 1000
	}
	s.op.team.command = c
	s.w.asOnce(s.op, "", "log-in-"+formatUint(uint64(s.op.number)), "log in", u.name)
}

// forge makes a head that is not the process's: another's login, one that is over, or the right one with a wrong proof.
func (s *wisher) forge(x uint64) {
	h := &s.op.team.head
	if n := uint64(len(s.logins)); n > 0 && below(raft.Mix(x, 1), 4) > 0 {
		l := s.logins[n-1-below(raft.Mix(x, 2), min(n, 8))]
		h.Login, h.Proof = l.ID, state.Proof(l.Secret[:16])
	}
	if below(raft.Mix(x, 3), 3) == 0 {
		h.Proof[below(raft.Mix(x, 4), 16)] ^= 1
	}
}

// asOnce makes the operation a one-shot command of a principal.
func (w *World) asOnce(op *operation, principal, id string, says ...string) {
	op.request = requestKey{principal, id}
	op.digest = node.DigestOf(says[0], says[1:]...)
}

// teamJob is a one-shot command as a script sends it: whoever starts the script again sends the same.
type teamJob struct {
	user    *teamUser
	id      string
	says    string
	command state.Command
}

// asJob makes the operation a script's: one that ran before, under the same id and with the same words; or with
// others, which is a conflict; or a new one. Ids are so few that those of several users are the same, and now and then
// two users say the same under one.
func (w *World) asJob(u *teamUser, op *operation, x uint64) {
	t := w.team
	j := teamJob{u, "script-" + formatUint(below(raft.Mix(x, 1), 40)), "command " + formatUint(uint64(op.number)), op.team.command}
	if n := len(t.jobs); n > 0 && below(raft.Mix(x, 2), 3) == 0 {
		other := &t.jobs[n-1-int(below(raft.Mix(x, 3), uint64(min(n, 10))))]
		if j.id, j.says = other.id, other.says; other.user == u {
			op.team.command = other.command
			w.cover.Reused++
		}
	}
	t.jobs = append(t.jobs, j)
	w.asOnce(op, "user_"+base36(uint64(u.id)), j.id, j.says)
}

// placeRef draws a place, by any of its names: mostly one that the user belongs to.
func (s *wisher) placeRef(x uint64) string {
	var mine []*teamPlace
	for _, p := range s.places {
		if p.part(s.user, s.at).joined {
			mine = append(mine, p)
		}
	}
	if s.guesses(raft.Mix(x, 1), 1) || len(mine) == 0 {
		mine = s.places
	}
	switch {
	case s.guesses(raft.Mix(x, 2), 8):
		return [...]string{"#nowhere", "nowhere", "chan_zz", "conv_1", "@nobody", "#"}[below(raft.Mix(x, 3), 6)]
	case below(raft.Mix(x, 4), 6) == 0:
		return s.userRef(raft.Mix(x, 5))
	}
	return s.spell(mine[below(raft.Mix(x, 6), uint64(len(mine)))], raft.Mix(x, 7))
}

// spell writes a place's name in one of the ways that mean it.
func (s *wisher) spell(p *teamPlace, x uint64) string {
	is := p.is.when(s.at)
	if is.Kind == state.Conversation || below(x, 4) == 0 {
		if other := s.userOf[otherOf(&is, s.user.id)]; is.Kind == state.Conversation && p.part(s.user, s.at).joined && below(x, 2) == 0 {
			return "@" + other.name
		}
		return placeID(&is)
	}
	return [...]string{"#" + is.Name, is.Name, "#" + strings.ToUpper(is.Name)}[below(raft.Mix(x, 1), 3)]
}

// channelRef draws a channel.
func (s *wisher) channelRef(x uint64) string {
	for i := range uint64(4) {
		if ref := s.placeRef(raft.Mix(x, i)); !strings.HasPrefix(ref, "@") && !strings.HasPrefix(ref, "conv_") || i == 3 {
			return ref
		}
	}
	return "#general"
}

// userName draws somebody.
func (s *wisher) userName(x uint64) string {
	if s.guesses(raft.Mix(x, 1), 6) {
		return "nobody"
	}
	name := s.users[below(raft.Mix(x, 2), uint64(len(s.users)))].name
	if below(raft.Mix(x, 3), 6) == 0 {
		name = swapCase(name)
	}
	return name
}

// memberName draws somebody who is a member of a place, or who is none.
func (s *wisher) memberName(x uint64, ref string, joined bool) string {
	if p := s.find(ref); p != nil {
		for i := range uint64(6) {
			if u := s.users[below(raft.Mix(x, i), uint64(len(s.users)))]; p.part(u, s.at).joined == joined {
				return u.name
			}
		}
	}
	return s.userName(x)
}

func (s *wisher) userRef(x uint64) string { return "@" + s.userName(x) }

// messageRef draws a message, mostly a late one that the user can read.
func (s *wisher) messageRef(x uint64) string {
	const late = 40
	n := uint64(len(s.posts))
	if n == 0 || s.guesses(raft.Mix(x, 1), 10) {
		return "msg_zz_1"
	}
	var post *teamPost
	for i := range uint64(6) {
		post = s.posts[n-1-below(raft.Mix(x, 2, i), min(n, late))]
		if post.place.part(s.user, s.at).joined != s.guesses(raft.Mix(x, 3), 1) {
			break
		}
	}
	return "msg_" + base36(uint64(post.id.Position)) + "_" + base36(uint64(post.id.Place))
}

// ownMessageRef draws one that the user sent, if he did.
func (s *wisher) ownMessageRef(x uint64) string {
	for i := len(s.posts) - 1; i >= max(0, len(s.posts)-60); i-- {
		if post := s.posts[i]; post.is.when(s.at).Sender == s.user.id && below(raft.Mix(x, uint64(i)), 4) == 0 {
			return "msg_" + base36(uint64(post.id.Position)) + "_" + base36(uint64(post.id.Place))
		}
	}
	return s.messageRef(x)
}

func (s *wisher) fileRef(x uint64) string {
	n := uint64(len(s.files))
	if n == 0 || s.guesses(raft.Mix(x, 1), 10) {
		return "file_zz"
	}
	return "file_" + base36(uint64(s.files[n-1-below(raft.Mix(x, 2), min(n, 10))].ID))
}

// newestFile is the newest file that is there; nil: none is.
func (s *wisher) newestFile() *teamFile {
	for _, f := range slices.Backward(s.files) {
		if f.is.when(s.at) {
			return f
		}
	}
	return nil
}

// vocabulary is what messages are made of: few words, so that searches find some.
var vocabulary = [...]string{"alpha", "Beta", "gamma", "delta", "Epsilon", "zeta", "eta2", "theta", "lunch", "Report", "ship", "done"}

func (s *wisher) text(x uint64) string {
	if s.guesses(raft.Mix(x, 1), 20) {
		return " \n"
	}
	var b strings.Builder
	for i := range 1 + below(raft.Mix(x, 2), 6) {
		if i > 0 {
			b.WriteByte(' ')
		}
		if below(raft.Mix(x, 3, i), 7) == 0 {
			b.WriteString(s.userRef(raft.Mix(x, 4, i)))
		} else {
			b.WriteString(vocabulary[below(raft.Mix(x, 5, i), uint64(len(vocabulary)))])
		}
	}
	if below(raft.Mix(x, 6), 12) == 0 {
		b.WriteString(", me@alice.example and @BOB.")
	}
	return b.String()
}

var emojis = [...]string{"👍", "ok", "🎉", "♥", "👀"}

// say draws something that is said, or done to what was said.
func (s *wisher) say(x uint64) state.Command {
	emoji := emojis[below(raft.Mix(x, 1), uint64(len(emojis)))]
	if s.guesses(raft.Mix(x, 2), 20) {
		emoji = " "
	}
	forgets := s.w.plan.Team.Keep > 0
	if s.inclined(raft.Mix(x, 11), s.w.plan.Team.Peek) || forgets && below(raft.Mix(x, 13), 25) == 0 {
		return s.bringFile(raft.Mix(x, 12))
	}
	switch pick := below(x, 100); {
	case pick < 46:
		c := &chat.Send{Place: s.placeRef(raft.Mix(x, 3)), Text: s.text(raft.Mix(x, 4))}
		if below(raft.Mix(x, 5), 4) == 0 {
			c.ReplyTo = s.messageRef(raft.Mix(x, 6))
			if id, ok := state.ParseMessageID(c.ReplyTo); ok && below(raft.Mix(x, 7), 6) > 0 && s.placeOf[id.Place] != nil {
				c.Place = s.spell(s.placeOf[id.Place], raft.Mix(x, 8))
			}
		}
		if len(s.files) > 0 && below(raft.Mix(x, 9), 6) == 0 {
			c.File = s.fileRef(raft.Mix(x, 10))
		}
		if f := s.newestFile(); forgets && f != nil && below(raft.Mix(x, 14), 3) == 0 {
			c.Place, c.File = s.spell(f.place, raft.Mix(x, 15)), "file_"+base36(uint64(f.ID)) // it may go before the message does
		}
		return c
	case pick < 58:
		return &chat.Edit{ID: s.ownMessageRef(raft.Mix(x, 3)), Text: s.text(raft.Mix(x, 4))}
	case pick < 65:
		if below(raft.Mix(x, 4), 3) == 0 {
			return &chat.Unsend{ID: s.messageRef(raft.Mix(x, 3))}
		}
		return &chat.Unsend{ID: s.ownMessageRef(raft.Mix(x, 3))}
	case pick < 75:
		return &chat.React{ID: s.messageRef(raft.Mix(x, 3)), Emoji: emoji}
	case pick < 80:
		return &chat.Unreact{ID: s.messageRef(raft.Mix(x, 3)), Emoji: emoji}
	case pick < 86 || len(s.w.files) == 0:
		c := &chat.MarkRead{Place: s.placeRef(raft.Mix(x, 3))}
		if n := uint64(len(s.posts)); n > 0 && below(raft.Mix(x, 4), 3) > 0 {
			c.Read = s.posts[below(raft.Mix(x, 5), n)].id.Position
		}
		return c
	case pick < 98:
		f := s.content(raft.Mix(x, 3))
		size := uint64(len(f.content))
		if s.guesses(raft.Mix(x, 4), 4) {
			size++
		}
		return &files.Attach{Place: s.placeRef(raft.Mix(x, 5)), Name: "file " + formatUint(uint64(s.op.number)) + ".txt", Size: size, Sum: f.sum, Type: "text/plain", Description: "drawn"}
	}
	return &files.Remove{ID: s.fileRef(raft.Mix(x, 3))}
}

// content draws what somebody uploaded, mostly for the user himself.
func (s *wisher) content(x uint64) *file {
	f := &s.w.files[below(x, uint64(len(s.w.files)))]
	for i := range uint64(8) {
		if slices.Contains(f.askedBy, "user_"+base36(uint64(s.user.id))) {
			break
		}
		f = &s.w.files[below(raft.Mix(x, i), uint64(len(s.w.files)))]
	}
	return f
}

// govern draws something that is done to a channel and its members.
func (s *wisher) govern(x uint64) state.Command {
	ref := s.channelRef(raft.Mix(x, 1))
	of := chat.Of{Place: ref, User: s.userName(raft.Mix(x, 2))}
	switch pick := below(x, 100); {
	case pick < 16:
		c := &chat.CreateChannel{Name: "team-" + formatUint(below(raft.Mix(x, 3), 12)), Private: below(raft.Mix(x, 4), 5) < 3, Join: state.JoinOpen}
		if below(raft.Mix(x, 5), 3) == 0 {
			c.Join, c.Name = state.JoinInvite, "#TEAM-"+c.Name[5:]
		}
		if s.guesses(raft.Mix(x, 6), 3) {
			c.Name = [...]string{"Everyone", "ab", "General", "a b c", "chan_7"}[below(raft.Mix(x, 7), 5)]
		}
		return c
	case pick < 30:
		return &chat.Join{Place: s.spell(s.places[below(raft.Mix(x, 3), uint64(len(s.places)))], raft.Mix(x, 4))}
	case pick < 38:
		return &chat.Leave{Place: ref}
	case pick < 56:
		of.User = s.memberName(raft.Mix(x, 3), ref, below(raft.Mix(x, 4), 6) == 0)
		return &chat.AddMember{Of: of}
	case pick < 68:
		of.User = s.memberName(raft.Mix(x, 3), ref, below(raft.Mix(x, 4), 6) > 0)
		return &chat.RemoveMember{Of: of}
	case pick < 76:
		of.User = s.memberName(raft.Mix(x, 3), ref, true)
		return &chat.Promote{Of: of}
	case pick < 84:
		of.User = s.memberName(raft.Mix(x, 3), ref, true)
		return &chat.Demote{Of: of}
	case pick < 87:
		return &chat.Archive{Place: ref}
	case pick < 93:
		return &chat.Unarchive{Place: ref}
	case pick < 97:
		return s.update(raft.Mix(x, 3), ref)
	case pick < 99:
		return &chat.InspectChannel{Place: ref}
	}
	return &chat.InspectChannels{Limit: below(raft.Mix(x, 3), 4)}
}

func (s *wisher) update(x uint64, ref string) state.Command {
	c := &chat.UpdateChannel{Place: ref}
	description, join, ai := "about "+formatUint(below(x, 4)), state.JoinPolicy(1+below(raft.Mix(x, 1), 2)), below(raft.Mix(x, 2), 2) == 0
	if below(raft.Mix(x, 3), 2) == 0 {
		c.Description = &description
	}
	if below(raft.Mix(x, 4), 2) == 0 {
		c.Join = &join
	}
	if below(raft.Mix(x, 5), 2) == 0 {
		c.AI = &ai
	}
	return c
}

// account draws something that is done to an account or a login, mostly by an admin of the cluster.
func (s *wisher) account(x uint64) {
	if s.inclined(raft.Mix(x, 9), s.w.plan.Team.Codes) {
		s.codes(raft.Mix(x, 10))
		return
	}
	name := s.userName(raft.Mix(x, 1))
	code := secretOf(1000 + below(raft.Mix(x, 2), 4)) // few, so that they are used
	var c state.Command
	switch pick := below(x, 100); {
	case pick < 12:
		c = &account.RenewLogin{}
	case pick < 22:
		c = &account.LogOut{}
	case pick < 32:
		c = &account.RevokeLogin{Login: s.loginRef(raft.Mix(x, 3))}
	case pick < 40:
		version := s.user.password.when(s.at).version
		if s.guesses(raft.Mix(x, 4), 2) {
			version--
		}
		c = &account.ChangePassword{Version: version, Hash: []byte{byte(version), 'p'}}
	case pick < 46:
		s.logIn(raft.Mix(x, 5), s.user)
		return
	case pick < 54:
		p := &account.SetProfile{SetDisplay: true, Display: "Display " + formatUint(below(raft.Mix(x, 4), 3))}
		if below(raft.Mix(x, 5), 2) == 0 {
			p.SetEmail, p.Email = true, [...]string{"one@example.org", "ONE@example.org", "two@example.org", "bob@demo.invalid"}[below(raft.Mix(x, 6), 4)]
		}
		c = p
	case pick < 58:
		c = &account.CreateReset{User: name, Hash: code}
	case pick < 62:
		r := &account.ResetPassword{User: name, Secret: code, Hash: []byte("reset")}
		for _, u := range s.users {
			if p := u.password.when(s.at); p.resetUntil != 0 && !s.guesses(raft.Mix(x, 5), 2) {
				r.User, r.Secret = u.name, p.reset
			}
		}
		name = r.User
		s.op.team.command = r
		s.w.asOnce(s.op, "", "reset-"+formatUint(uint64(s.op.number)), "reset", name)
		return
	case pick < 65:
		c = &account.DisableUser{User: name}
	case pick < 74:
		for _, u := range s.users {
			if u.is.when(s.at).Disabled {
				name = u.name
			}
		}
		c = &account.EnableUser{User: name}
	case pick < 79:
		c = &account.GrantAdmin{User: name}
	case pick < 83:
		c = &account.RevokeAdmin{User: name}
	case pick < 87:
		c = &account.ClaimAdmin{Hash: secretOf(offerSecret + below(raft.Mix(x, 4), 2))}
	case pick < 93:
		c = &account.CreateInvite{Hash: code, Uses: below(raft.Mix(x, 4), 3), Age: time.Duration(below(raft.Mix(x, 5), 3)) * 2 * time.Second}
	case pick < 97:
		c = &account.SetSignUpMode{Mode: state.SignUpMode(1 + below(raft.Mix(x, 4), 3))}
	default:
		c = &account.RotateKey{Key: signingKey(raft.Mix(x, 4)), Keep: time.Duration(below(raft.Mix(x, 5), 3)) * time.Second}
	}
	s.op.team.command = c
}

// forgetful is how often the user says for how long things are kept: soon, if he may and nobody has said it, or what is
// too old is just going.
func (s *wisher) forgetful() int64 {
	rate := s.w.plan.Team.Forget
	if s.me.Admin && (s.kept.round.runs || s.kept.is.when(s.at) == (state.Retention{})) {
		rate *= 10
	}
	return rate
}

// retention draws for how long things are to be kept: some of them, or files alone, so that messages stay that came with one;
// now and then all for ever, in the midst of a round above all, or for no time at all.
func (s *wisher) retention(x uint64) state.Command {
	spare := uint64(6)
	if s.kept.round.runs {
		spare = 2
	}
	if below(raft.Mix(x, 7), spare) == 0 {
		return &account.SetRetention{SetMessages: true, SetFiles: true}
	}
	longest := int64(orElse(int64(s.w.plan.Team.Keep), int64(time.Hour)))
	draw := func(x uint64) time.Duration {
		switch {
		case s.guesses(raft.Mix(x, 1), 8):
			return 1
		case below(raft.Mix(x, 2), 8) == 0:
			return 0
		}
		return time.Duration(between(raft.Mix(x, 3), longest/8, longest))
	}
	c := &account.SetRetention{SetMessages: below(raft.Mix(x, 1), 3) > 0, SetFiles: below(raft.Mix(x, 2), 3) > 0, SetEvents: below(raft.Mix(x, 3), 3) > 0}
	c.To = state.Retention{Messages: draw(raft.Mix(x, 4)), Files: draw(raft.Mix(x, 5)), Events: draw(raft.Mix(x, 6))}
	if below(raft.Mix(x, 8), 3) == 0 {
		c.SetMessages, c.SetFiles = true, true
		c.To.Messages, c.To.Files = 0, time.Duration(between(raft.Mix(x, 5), longest/8, longest/4))
	}
	return c
}

// loginRef draws a login, mostly one of the user's own.
func (s *wisher) loginRef(x uint64) string {
	n := uint64(len(s.logins))
	if n == 0 {
		return "login_1"
	}
	var l *teamLogin
	for i := range uint64(5) {
		if l = s.logins[n-1-below(raft.Mix(x, i), min(n, 12))]; l.User == s.user.id {
			break
		}
	}
	return "login_" + base36(uint64(l.ID))
}
