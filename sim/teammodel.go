package sim

import (
	"slices"
	"strconv"
	"strings"

	"parley/raft"
	"parley/statemachine/state"
)

// teamModel is what becomes of a team, written down a second time: plain values in slices, each with its past, and no
// table, key, codec or count that the state machine has. It executes the commands of the agreed log in their order and
// says what each is answered and which events come of it; and it can be asked what somebody was to see at any position
// before. Only what things are made of is taken from the state machine: the structs of commands, answers and rows.
//
// The rights are written down in rightsOf, the accounts in teamaccounts.go, channels in teamchannels.go, messages in
// teammessages.go, what is too old to be kept in teamretention.go, files and presence in teamfiles.go, locks in teamlocks.go, documents in teamdocs.go, questions in teamanswers.go,
// events in teamevents.go.
type teamModel struct {
	limits   state.Limits
	settings changing[state.Settings]
	users    []*teamUser // in the order in which they came
	logins   []*teamLogin
	invites  []*teamInvite
	keys     []*teamKey
	places   []*teamPlace
	posts    []*teamPost
	files    []*teamFile
	edges    []*teamEdge
	audits   []teamAudit
	docs     []*teamDoc
	locks    []*teamLock     // that are held, or about to be handed on
	grips    []teamGrip      // all grants, by position
	waits    []*teamWait     // all places in lines, by position
	happened []teamHappening // by position

	userOf  map[state.UserID]*teamUser
	loginOf map[state.LoginID]*teamLogin
	placeOf map[state.PlaceID]*teamPlace
	postOf  map[state.MessageID]*teamPost
	fileOf  map[state.FileID]*teamFile
	docOf   map[state.DocID]*teamDoc
	lockOf  map[string]*teamLock

	kept teamKept // for how long

	everyLock []*teamLock            // of which somebody spoke
	stamps    changing[raft.LogTime] // of entries, while there are locks
	term      raft.Term              // of the last entry, and its log time
	time      raft.LogTime
	parked    uint64 // locks that ended with the entry that granted them
}

type teamUser struct {
	id       state.UserID
	name     string
	is       changing[state.User]
	password changing[teamPassword]
	presence changing[state.Presence]
	mentions []*teamMention
	usage    changing[state.Usage]
	written  changing[uint64] // bytes that his documents take
}

// teamPassword is what somebody proves himself by.
type teamPassword struct {
	hash       string
	version    uint64
	reset      [32]byte // the hash of a code; zero: none waits
	resetUntil raft.LogTime
	spent      [32]byte // the last code that another password made void; zero: there was none
}

type teamLogin struct {
	state.Login // but its deadline
	is          changing[teamLife]
}

// teamLife is whether a login is in force, and until when.
type teamLife struct {
	lives    bool
	deadline raft.LogTime
}

type teamInvite struct {
	hash [32]byte
	is   changing[state.Invite] // no uses: it is over
}

type teamKey struct {
	id     uint64
	secret string
	made   raft.LogTime
	is     changing[teamTerm]
}

// teamTerm is whether a key is good, and until when; zero until: it is the one that signs.
type teamTerm struct {
	good  bool
	until raft.LogTime
}

type teamPlace struct {
	id      state.PlaceID
	is      changing[state.Place] // Members, Admins, Files, Messages and Last are counted anew when somebody asks
	members []*teamMember
	posts   []*teamPost // by position
	files   []*teamFile
	gone    int // of the posts, those that were too old
	rest    int // rows that these left behind
}

type teamMember struct {
	user *teamUser
	is   changing[teamPart]
}

// teamPart is somebody's part in a place.
type teamPart struct {
	joined bool
	barred bool
	admin  bool
	since  raft.Position
	read   raft.Position
	number uint64
}

type teamPost struct {
	id    state.MessageID
	place *teamPlace
	is    changing[state.Post]
	texts changing[[]state.Revision] // those before the one that it has
	marks changing[[]teamReaction]
	gone  raft.Position // where it was too old to be kept; zero: it is there
}

type teamReaction struct {
	emoji string
	users []state.UserID
}

type teamMention struct {
	post *teamPost
	is   changing[bool]
}

type teamFile struct {
	state.File
	place *teamPlace
	is    changing[bool]
}

type teamEdge struct {
	node raft.NodeID
	user *teamUser
	is   changing[bool]
}

// teamAudit is a record of the audit log, but for its chain.
type teamAudit struct {
	state.AuditRecord
}

// teamHappening is what happened at a position, in order.
type teamHappening struct {
	at     raft.Position
	events []state.Event
}

func newTeamModel(limits state.Limits) *teamModel {
	m := &teamModel{limits: limits, userOf: map[state.UserID]*teamUser{}, loginOf: map[state.LoginID]*teamLogin{}, placeOf: map[state.PlaceID]*teamPlace{},
		postOf: map[state.MessageID]*teamPost{}, fileOf: map[state.FileID]*teamFile{}, docOf: map[state.DocID]*teamDoc{}, lockOf: map[string]*teamLock{}}
	for i, name := range [...]string{"general", "random", "tech"} {
		m.addPlace(0, &state.Place{ID: state.PlaceID(i + 1), Kind: state.Channel, Name: name, Join: state.JoinOpen})
	}
	return m
}

func (m *teamModel) addPlace(at raft.Position, p *state.Place) *teamPlace {
	place := &teamPlace{id: p.ID}
	place.is.put(at, *p)
	m.places = append(m.places, place)
	m.placeOf[p.ID] = place
	return place
}

// teamView is the team as somebody saw it, or sees it, at a position.
type teamView struct {
	*teamModel
	at      raft.Position
	command bool // he does something, and does not only ask
	user    *teamUser
	me      state.User
	login   *teamLogin
}

// fold returns a name as names are compared.
func fold(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

func (v *teamView) named(name string) *teamUser {
	for _, u := range v.users {
		if fold(u.name) == fold(name) && v.exists(u) {
			return u
		}
	}
	return nil
}

// exists reports whether somebody had an account by then.
func (v *teamView) exists(u *teamUser) bool { return u.is.when(v.at).Name != "" }

func (v *teamView) nameOf(id state.UserID) string {
	if u := v.userOf[id]; u != nil && v.exists(u) {
		return u.name
	}
	return "nobody"
}

func (v *teamView) channelNamed(name string) *teamPlace {
	for _, p := range v.places {
		if is := p.is.when(v.at); is.Kind == state.Channel && fold(is.Name) == fold(name) {
			return p
		}
	}
	return nil
}

func (v *teamView) conversationWith(other *teamUser) *teamPlace {
	low, high := min(v.user.id, other.id), max(v.user.id, other.id)
	for _, p := range v.places {
		if is := p.is.when(v.at); is.Kind == state.Conversation && is.Pair == [2]state.UserID{low, high} {
			return p
		}
	}
	return nil
}

func (p *teamPlace) member(u *teamUser) *teamMember {
	for _, m := range p.members {
		if m.user == u {
			return m
		}
	}
	return nil
}

// part returns what somebody is in a place at a position.
func (p *teamPlace) part(u *teamUser, at raft.Position) teamPart {
	if m := p.member(u); m != nil {
		return m.is.when(at)
	}
	return teamPart{}
}

func (p *teamPlace) setPart(u *teamUser, at raft.Position, part teamPart) {
	m := p.member(u)
	if m == nil {
		m = &teamMember{user: u}
		p.members = append(p.members, m)
	}
	m.is.put(at, part)
}

// when returns a place as it was at a position, with everything in it counted.
func (p *teamPlace) when(at raft.Position) state.Place {
	is := p.is.when(at)
	for _, m := range p.members {
		if part := m.is.when(at); part.joined {
			is.Members++
			if part.admin {
				is.Admins++
			}
		}
	}
	is.Messages, is.Last = 0, 0
	for _, post := range p.posts {
		if post.id.Position <= at {
			is.Messages++
			is.Last = post.id.Position
		}
	}
	is.Files = 0
	for _, f := range p.files {
		if f.is.when(at) {
			is.Files++
		}
	}
	return is
}

// newestBelow returns the number of the newest message at or below a position.
func (p *teamPlace) newestBelow(at raft.Position) (number uint64) {
	for _, post := range p.posts {
		if post.id.Position <= at {
			number++
		}
	}
	return number
}

func placeID(p *state.Place) string {
	prefix := "chan_"
	if p.Kind == state.Conversation {
		prefix = "conv_"
	}
	return prefix + base36(uint64(p.ID))
}

func base36(x uint64) string { return strconv.FormatUint(x, 36) }

// called returns a place as the viewer calls it.
func (v *teamView) called(p *state.Place) string {
	if p.Kind == state.Conversation {
		return "@" + v.nameOf(otherOf(p, v.user.id))
	}
	return "#" + p.Name
}

func otherOf(p *state.Place, me state.UserID) state.UserID {
	if p.Pair[0] == me {
		return p.Pair[1]
	}
	return p.Pair[0]
}

// deed is something that is done to a place.
type deed uint8

const (
	deedSee deed = iota
	deedRead
	deedPost
	deedModerate
	deedManage
)

// teamAccess is a place that somebody may use.
type teamAccess struct {
	place   *teamPlace
	is      state.Place
	part    teamPart
	audited bool
}

// standing is what somebody may do to a place at a position.
type standing struct {
	may     [deedManage + 1]bool
	knows   bool // that there is the place
	audited [deedManage + 1]bool
}

// rightsOf says it, by the table of who may do what: members read and post, admins of a channel moderate and manage it,
// everybody sees a public channel, and an admin of the cluster manages any channel, which is written down; the
// three first channels he also moderates as their member. Of a conversation only its parties know.
func rightsOf(p *state.Place, part teamPart, governs bool) (s standing) {
	if part.joined {
		s.knows, s.may[deedSee], s.may[deedRead], s.may[deedPost] = true, true, true, true
	}
	if p.Kind == state.Conversation {
		return s
	}
	if !p.Private {
		s.knows, s.may[deedSee] = true, true
	}
	if part.joined && (part.admin || governs && p.ID <= 3) {
		s.may[deedModerate], s.may[deedManage] = true, true
	}
	if governs {
		s.audited[deedSee], s.audited[deedManage] = !s.may[deedSee], !s.may[deedManage]
	}
	return s
}

func (v *teamView) standing(p *teamPlace) standing {
	is := p.is.when(v.at)
	return rightsOf(&is, p.part(v.user, v.at), v.me.Admin)
}

func refused(code state.Code, reason string) *state.Refusal {
	return &state.Refusal{Code: code, Reason: reason}
}

// missing is the answer to what there is not, and to what the caller may not know of.
func missing(ref string) *state.Refusal {
	reason := "CHANNEL_NOT_FOUND"
	switch {
	case strings.HasPrefix(ref, "@"):
		reason = "USER_NOT_FOUND"
	case strings.HasPrefix(ref, "msg_"):
		reason = "MESSAGE_NOT_FOUND"
	case strings.HasPrefix(ref, "file_"):
		reason = "FILE_NOT_FOUND"
	case strings.HasPrefix(ref, "doc_"):
		reason = "DOCUMENT_NOT_FOUND"
	case strings.HasPrefix(ref, "chan_"), strings.HasPrefix(ref, "conv_"):
		reason = "PLACE_NOT_FOUND"
	}
	return refused(state.NotFound, reason)
}

// reach returns a place to do something with, or why not.
func (v *teamView) reach(what deed, p *teamPlace, ref string) (teamAccess, *state.Refusal) {
	if p == nil || p.is.when(v.at).Kind == 0 {
		return teamAccess{}, missing(ref)
	}
	s, part, is := v.standing(p), p.part(v.user, v.at), p.when(v.at)
	switch {
	case s.may[what]:
		return teamAccess{p, is, part, false}, nil
	case s.audited[what] && v.command:
		return teamAccess{p, is, part, true}, nil
	case !s.knows:
		return teamAccess{}, missing(ref)
	case is.Kind == state.Conversation:
		return teamAccess{}, refused(state.NotPermitted, "NOT_PERMITTED")
	case part.joined:
		return teamAccess{}, refused(state.NotPermitted, "NOT_CHANNEL_ADMIN")
	}
	return teamAccess{}, refused(state.NotPermitted, "NOT_A_MEMBER")
}

// find returns the place that a reference means.
func (v *teamView) find(ref string) *teamPlace {
	if name, direct := strings.CutPrefix(ref, "@"); direct {
		if other := v.named(name); other != nil {
			return v.conversationWith(other)
		}
		return nil
	}
	for _, kind := range [...]string{"chan_", "conv_"} {
		if id, ok := strings.CutPrefix(ref, kind); ok {
			x, err := strconv.ParseUint(id, 36, 64)
			p := v.placeOf[state.PlaceID(x)]
			if err != nil || p == nil || (p.is.when(v.at).Kind == state.Conversation) != (kind == "conv_") {
				return nil
			}
			return p
		}
	}
	return v.channelNamed(strings.TrimPrefix(ref, "#"))
}

func (v *teamView) may(what deed, ref string) (teamAccess, *state.Refusal) {
	return v.reach(what, v.find(ref), ref)
}

// target is may for what can be a conversation that is not begun: begin is the other party then.
func (v *teamView) target(what deed, ref string) (a teamAccess, begin *teamUser, refusal *state.Refusal) {
	name, direct := strings.CutPrefix(ref, "@")
	if direct {
		other := v.named(name)
		switch {
		case other == nil:
			return a, nil, missing(ref)
		case other == v.user:
			return a, nil, refused(state.Invalid, "CONVERSATION_WITH_SELF")
		case v.conversationWith(other) == nil:
			return a, other, nil
		}
	}
	a, refusal = v.may(what, ref)
	return a, nil, refusal
}

func (v *teamView) targetToPost(ref string) (a teamAccess, begin *teamUser, refusal *state.Refusal) {
	if a, begin, refusal = v.target(deedPost, ref); refusal == nil && begin == nil && a.is.Archived {
		refusal = refused(state.Precondition, "CHANNEL_ARCHIVED")
	}
	return a, begin, refusal
}

// message returns a message to do something with.
func (v *teamView) message(what deed, ref string) (teamAccess, *teamPost, *state.Refusal) {
	id, ok := state.ParseMessageID(ref)
	if !ok {
		return teamAccess{}, nil, missing("msg_")
	}
	a, refusal := v.reach(what, v.placeOf[id.Place], "msg_")
	if refusal != nil {
		return a, nil, refusal
	}
	post := v.postOf[id]
	if post == nil || !post.keptAt(v.at) {
		return a, nil, missing("msg_")
	}
	return a, post, nil
}

// speaks returns who speaks under a head, or the refusal of somebody who does not.
func (v *teamView) speaks(h *state.Head) *state.Refusal {
	l := v.loginOf[h.Login]
	if l == nil || !l.is.when(v.at).lives || !slices.Equal(h.Proof[:], l.Secret[:len(h.Proof)]) {
		return refused(state.Unauthenticated, "LOGIN_ENDED")
	}
	v.login, v.user = l, v.userOf[l.User]
	v.me = v.user.is.when(v.at)
	if v.me.Disabled {
		return refused(state.Unauthenticated, "LOGIN_ENDED")
	}
	return nil
}

// reads reports whether somebody may see an event of an audience at a position.
func (m *teamModel) reads(u *teamUser, a state.Audience, at raft.Position) bool {
	return m.readsThroughout(u, a, at, at)
}

// readsThroughout reports whether he may at every position of a stretch.
func (m *teamModel) readsThroughout(u *teamUser, a state.Audience, from, to raft.Position) bool {
	place := m.placeOf[state.PlaceID(a.ID)]
	joined := func() bool {
		member := place.member(u)
		return member != nil && member.is.throughout(from, to, func(p teamPart) bool { return p.joined })
	}
	switch {
	case a.Kind == state.ForAll().Kind:
		return true
	case a == state.ForUser(state.UserID(a.ID)):
		return a.ID == uint64(u.id)
	case a == state.ForReaders(state.DocID(a.ID)):
		return m.readsDoc(u, m.docOf[state.DocID(a.ID)], from, to)
	case place == nil:
		return false
	case a == state.ForSeers(place.id):
		return !place.is.when(from).Private || joined() // a channel never changes that
	}
	return joined()
}
