package sim

import (
	"cmp"
	"slices"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// teamDeed is a command as it happens in the model.
type teamDeed struct {
	teamView
	applied node.Applied
	wall    raft.Wall
	events  []state.Event
	numbers uint64 // audit records so far
	lacks   bool   // it names a content that was not uploaded; see notUploaded
	lapsed  bool   // the lock that was asked for was past its deadline, and nobody had been told
}

// execute has a command happen, and returns its answer, or why it is refused.
func (m *teamModel) execute(at node.Applied, h *state.Head, c state.Command, lacks bool) (d *teamDeed, reply state.Coded, refusal *state.Refusal) {
	d = &teamDeed{teamView: teamView{teamModel: m, at: at.Position, command: true}, applied: at, wall: h.Wall, lacks: lacks}
	if at.Level < node.LevelTeam {
		return d, nil, refused(state.NotYet, "NOT_YET")
	}
	if reply, refusal, nobodys := d.byNobody(c); nobodys {
		d.done()
		return d, reply, refusal
	}
	if reason := m.malformed(c); reason != "" {
		return d, nil, refused(state.Invalid, reason)
	}
	if refusal = d.speaks(h); refusal != nil {
		return d, nil, refusal
	}
	if at.Principal != "user_"+base36(uint64(d.user.id)) {
		return d, nil, refused(state.Precondition, "SESSION_FOREIGN")
	}
	reply, refusal = d.under(c)
	d.done()
	return d, reply, refusal
}

// done takes down what happened.
func (d *teamDeed) done() {
	if len(d.events) == 0 {
		return
	}
	if n := len(d.happened); n > 0 && d.happened[n-1].at == d.at {
		d.happened[n-1].events = append(d.happened[n-1].events, d.events...)
	} else {
		d.happened = append(d.happened, teamHappening{d.at, d.events})
	}
}

// malformed says why a command is refused whatever the team is like. Of what clients write wrong only a few things come
// up here; the rest is the business of the tests of the state machine.
func (m *teamModel) malformed(c state.Command) string {
	if reason := m.malformedLock(c); reason != "" {
		return reason
	}
	if reason := m.malformedDoc(c); reason != "" {
		return reason
	}
	if reason := malformedMessage(c); reason != "" {
		return reason
	}
	if reason := m.malformedRetention(c); reason != "" {
		return reason
	}
	return malformedChannel(c)
}

func (d *teamDeed) event(e state.Event) { d.events = append(d.events, e) }

func (d *teamDeed) audit(action, object, detail string) {
	r := state.AuditRecord{Position: d.at, Number: d.numbers, Time: d.applied.Time, Wall: d.wall, Action: action, Object: object, Detail: detail}
	if d.user != nil {
		r.Actor = d.user.id
	}
	if d.login != nil {
		r.Login = d.login.ID
	}
	d.numbers++
	d.audits = append(d.audits, teamAudit{r})
}

func (d *teamDeed) finished() *account.Done { return &account.Done{Position: d.at} }

// byNobody executes what takes no login.
func (d *teamDeed) byNobody(c state.Command) (reply state.Coded, refusal *state.Refusal, nobodys bool) {
	nobodys = true
	switch c := c.(type) {
	case *account.SignUp:
		reply, refusal = d.signUp(c)
	case *account.LogIn:
		reply, refusal = d.logIn(c)
	case *account.Bootstrap:
		reply, refusal = d.bootstrap(c)
	case *account.OfferAdmin:
		reply, refusal = d.offerAdmin(c)
	case *account.DemoUsers:
		reply, refusal = d.demoUsers(c)
	case *account.ResetPassword:
		reply, refusal = d.resetPassword(c)
	default:
		return d.byServers(c)
	}
	return reply, refusal, nobodys
}

func (d *teamDeed) now() state.Settings { return d.settings.when(d.at) }

func (d *teamDeed) signUp(c *account.SignUp) (state.Coded, *state.Refusal) {
	if len(c.Name) < 3 {
		return nil, refused(state.Invalid, "USERNAME_INVALID")
	}
	var used *teamInvite
	switch mode := d.now().SignUp; {
	case mode == state.SignUpInvite && c.Invite == [32]byte{}:
		return nil, refused(state.NotPermitted, "INVITE_NEEDED")
	case mode == state.SignUpInvite:
		if used = d.invite(c.Invite); used == nil || used.is.when(d.at).Until <= d.applied.Time {
			return nil, refused(state.NotPermitted, "INVITE_REFUSED")
		}
	case mode != state.SignUpOpen:
		return nil, refused(state.NotPermitted, "SIGN_UP_CLOSED")
	}
	u := state.User{ID: state.UserID(d.at), Name: c.Name, Email: c.Email, Display: c.Display, Wall: d.wall}
	if refusal := d.taken(&u); refusal != nil {
		return nil, refusal
	}
	d.makeUser(&u, c.Hash)
	d.enterBorn(d.userOf[u.ID], state.General, false)
	if used != nil {
		i := used.is.when(d.at)
		i.Uses--
		used.is.put(d.at, i)
	}
	return &account.SignedUp{User: u}, nil
}

// invite returns an invitation that is not over.
func (d *teamDeed) invite(hash [32]byte) *teamInvite {
	for _, i := range d.invites {
		if i.hash == hash && i.is.when(d.at).Uses > 0 {
			return i
		}
	}
	return nil
}

func (d *teamDeed) taken(u *state.User) *state.Refusal {
	if d.named(u.Name) != nil {
		return refused(state.Exists, "USERNAME_TAKEN")
	}
	if d.hasEmail(u.Email) {
		return refused(state.Exists, "EMAIL_TAKEN")
	}
	return nil
}

func (d *teamDeed) hasEmail(email string) bool {
	return slices.ContainsFunc(d.users, func(u *teamUser) bool { return fold(u.is.when(d.at).Email) == fold(email) })
}

func (d *teamDeed) makeUser(u *state.User, hash []byte) {
	if u.Display == "" {
		u.Display = u.Name
	}
	user := &teamUser{id: u.ID, name: u.Name}
	user.is.put(d.at, *u)
	user.password.put(d.at, teamPassword{hash: string(hash), version: 1})
	d.users, d.userOf[u.ID] = append(d.users, user), user
	d.event(state.Event{Kind: state.EventUserMade, Audience: state.ForAll(), User: u.ID})
}

// enterBorn makes a new user a member of a channel that was always there.
func (d *teamDeed) enterBorn(u *teamUser, id state.PlaceID, admin bool) {
	p := d.placeOf[id]
	is := p.when(d.at)
	p.setPart(u, d.at, teamPart{joined: true, admin: admin, since: d.at, read: is.Last, number: is.Messages})
	d.event(state.Event{Kind: state.EventJoined, Audience: state.ForPlace(id), Place: id, User: u.id, Other: u.id})
}

func (d *teamDeed) logIn(c *account.LogIn) (state.Coded, *state.Refusal) {
	u := d.userOf[c.User]
	if u == nil || !d.exists(u) {
		return nil, refused(state.Unauthenticated, "CREDENTIALS_WRONG")
	}
	is := u.is.when(d.at)
	switch {
	case u.password.when(d.at).version != c.Version:
		return nil, refused(state.Conflict, "PASSWORD_CHANGED")
	case is.Disabled:
		return nil, refused(state.NotPermitted, "ACCOUNT_DISABLED")
	case is.Demo && !c.Loopback:
		return nil, refused(state.NotPermitted, "DEMO_REFUSED")
	}
	live := d.loginsOf(u)
	if len(live) >= d.limits.LoginsPerUserMax {
		stale := live[0]
		for _, l := range live {
			if l.is.when(d.at).deadline < stale.is.when(d.at).deadline {
				stale = l
			}
		}
		d.endLogin(stale)
	}
	l := &teamLogin{Login: state.Login{ID: state.LoginID(d.at), User: u.id, Secret: c.Secret, Client: c.Client, Address: c.Address, Wall: d.wall}}
	life := teamLife{true, d.applied.Time.Add(d.limits.LoginIdleMax)}
	l.is.put(d.at, life)
	d.logins, d.loginOf[l.ID] = append(d.logins, l), l
	d.user, d.login = u, l
	d.audit("login", "login_"+base36(uint64(l.ID)), c.Address)
	return &account.LoggedIn{User: is, Login: l.ID, Deadline: life.deadline}, nil
}

// loginsOf returns the logins of a user that are in force, oldest first.
func (v *teamView) loginsOf(u *teamUser) (live []*teamLogin) {
	for _, l := range v.logins {
		if l.User == u.id && l.is.when(v.at).lives {
			live = append(live, l)
		}
	}
	return live
}

func (d *teamDeed) endLogin(l *teamLogin) {
	l.is.put(d.at, teamLife{})
	d.event(state.Event{Kind: state.EventLoginEnded, Audience: state.ForUser(l.User), User: l.User, Login: l.ID})
	d.letsGo(l.ID)
}

func (d *teamDeed) endLogins(u *teamUser, spared *teamLogin) (ended uint64) {
	for _, l := range d.loginsOf(u) {
		if l != spared {
			d.endLogin(l)
			ended++
		}
	}
	return ended
}

func (d *teamDeed) bootstrap(c *account.Bootstrap) (state.Coded, *state.Refusal) {
	o := d.now()
	if o.SignUp != 0 {
		return nil, refused(state.Exists, "BOOTSTRAPPED")
	}
	o.SignUp, o.CurrentKey = c.SignUp, uint64(d.at)
	if c.Offer != ([32]byte{}) && o.Admins == 0 {
		o.OfferHash, o.OfferUntil = c.Offer, d.applied.Time.Add(d.limits.SecretAge)
	}
	d.settings.put(d.at, o)
	d.addKey(c.Key)
	d.audit("bootstrap", "", [...]string{"", "open", "invite", "closed"}[c.SignUp])
	return d.finished(), nil
}

func (d *teamDeed) addKey(secret []byte) {
	k := &teamKey{id: uint64(d.at), secret: string(secret), made: d.applied.Time}
	k.is.put(d.at, teamTerm{good: true})
	d.keys = append(d.keys, k)
}

func (d *teamDeed) offerAdmin(c *account.OfferAdmin) (state.Coded, *state.Refusal) {
	o := d.now()
	switch {
	case o.SignUp == 0:
		return nil, refused(state.Precondition, "NOT_BOOTSTRAPPED")
	case o.Admins > 0:
		return nil, refused(state.Precondition, "ADMIN_EXISTS")
	case o.OfferUntil > d.applied.Time:
		return nil, refused(state.Exists, "TOKEN_WAITS")
	}
	o.OfferHash, o.OfferUntil = c.Hash, d.applied.Time.Add(d.limits.SecretAge)
	d.settings.put(d.at, o)
	d.audit("admin.offer", "", "")
	return d.until(o.OfferUntil), nil
}

func (d *teamDeed) until(end raft.LogTime) *account.Until {
	return &account.Until{Position: d.at, Until: end, Left: int64(end - d.applied.Time)}
}

func (d *teamDeed) demoUsers(c *account.DemoUsers) (state.Coded, *state.Refusal) {
	o := d.now()
	if o.Demo {
		return d.finished(), nil
	}
	demo := [...]state.User{
		{ID: 1, Name: "alice", Email: "alice@demo.invalid", Display: "Alice", Demo: true, Admin: true, Wall: d.wall},
		{ID: 2, Name: "bob", Email: "bob@demo.invalid", Display: "Bob", Demo: true, Wall: d.wall},
		{ID: 3, Name: "charlie", Email: "charlie@demo.invalid", Display: "Charlie", Demo: true, Wall: d.wall},
	}
	for i := range demo {
		if refusal := d.taken(&demo[i]); refusal != nil {
			return nil, refusal
		}
	}
	for i := range demo {
		d.makeUser(&demo[i], c.Hashes[i])
		for id := state.General; id <= state.Tech; id++ {
			d.enterBorn(d.userOf[demo[i].ID], id, true)
		}
	}
	o.Demo = true
	o.Admins++
	d.settings.put(d.at, o)
	d.audit("demo.users", "", "")
	return d.finished(), nil
}

func (d *teamDeed) resetPassword(c *account.ResetPassword) (state.Coded, *state.Refusal) {
	u := d.named(c.User)
	if u == nil || u.is.when(d.at).Disabled {
		return nil, refused(state.NotPermitted, "RESET_REFUSED")
	}
	if p := u.password.when(d.at); p.reset != c.Secret || p.reset == ([32]byte{}) || p.resetUntil <= d.applied.Time {
		return nil, refused(state.NotPermitted, "RESET_REFUSED")
	}
	d.user = u
	return d.setPassword("password.reset.used", c.Hash, nil), nil
}

func (d *teamDeed) setPassword(action string, hash []byte, spared *teamLogin) *account.PasswordChanged {
	was := d.user.password.when(d.at)
	is := teamPassword{hash: string(hash), version: was.version + 1, spent: was.spent}
	if was.reset != ([32]byte{}) {
		is.spent = was.reset
	}
	d.user.password.put(d.at, is)
	ended := d.endLogins(d.user, spared)
	d.audit(action, "user_"+base36(uint64(d.user.id)), "")
	return &account.PasswordChanged{Position: d.at, Ended: ended}
}

// ofAccounts executes what somebody does to his own account and logins, and what admins of the cluster do to others'.
func (d *teamDeed) ofAccounts(c state.Command) (reply state.Coded, refusal *state.Refusal, mine bool) {
	switch c := c.(type) {
	case *account.RenewLogin:
		life := teamLife{true, d.applied.Time.Add(d.limits.LoginIdleMax)}
		d.login.is.put(d.at, life)
		return &account.LoggedIn{User: d.me, Login: d.login.ID, Deadline: life.deadline}, nil, true
	case *account.LogOut:
		d.endLogin(d.login)
		d.audit("logout", "login_"+base36(uint64(d.login.ID)), "")
		return d.finished(), nil, true
	case *account.RevokeLogin:
		reply, refusal = d.revokeLogin(c)
	case *account.ChangePassword:
		if d.user.password.when(d.at).version != c.Version {
			return nil, refused(state.Conflict, "PASSWORD_CHANGED"), true
		}
		reply = d.setPassword("password.change", c.Hash, d.login)
	case *account.SetProfile:
		reply, refusal = d.setProfile(c)
	case *account.SetRetention:
		reply, refusal = d.setRetention(c)
	case *account.ClaimAdmin:
		reply, refusal = d.claimAdmin(c)
	default:
		return d.ofAdmins(c)
	}
	return reply, refusal, true
}

func (d *teamDeed) revokeLogin(c *account.RevokeLogin) (state.Coded, *state.Refusal) {
	id, ok := state.ParseLoginID(c.Login)
	l := d.loginOf[id]
	if !ok || l == nil || !l.is.when(d.at).lives || l.User != d.user.id && !d.me.Admin {
		return nil, refused(state.NotFound, "LOGIN_NOT_FOUND")
	}
	d.endLogin(l)
	d.audit("login.revoke", "login_"+base36(uint64(l.ID)), "user_"+base36(uint64(l.User)))
	return d.finished(), nil
}

func (d *teamDeed) setProfile(c *account.SetProfile) (state.Coded, *state.Refusal) {
	u := d.me
	if c.SetEmail && fold(c.Email) != fold(u.Email) && d.hasEmail(c.Email) {
		return nil, refused(state.Exists, "EMAIL_TAKEN")
	}
	if c.SetEmail && c.Email != u.Email {
		u.Email = c.Email
		d.audit("user.email", "user_"+base36(uint64(u.ID)), "")
	}
	if c.SetDisplay && c.Display != u.Display {
		u.Display = c.Display
		d.event(state.Event{Kind: state.EventUserChanged, Audience: state.ForAll(), User: u.ID})
	}
	d.user.is.put(d.at, u)
	return &account.Person{User: u}, nil
}

func (d *teamDeed) claimAdmin(c *account.ClaimAdmin) (state.Coded, *state.Refusal) {
	o := d.now()
	if o.OfferHash != c.Hash || o.OfferUntil <= d.applied.Time {
		return nil, refused(state.NotPermitted, "CLAIM_REFUSED")
	}
	o.OfferHash, o.OfferUntil = [32]byte{}, 0
	d.settings.put(d.at, o)
	d.setAdmin(d.user, true)
	d.changed(d.user, "admin.claim")
	return d.finished(), nil
}

// setAdmin makes somebody an admin of the cluster, or a user like others, and counts.
func (d *teamDeed) setAdmin(u *teamUser, admin bool) {
	is, o := u.is.when(d.at), d.now()
	if is.Admin != admin && admin {
		o.Admins++
	} else if is.Admin != admin {
		o.Admins--
	}
	is.Admin = admin
	u.is.put(d.at, is)
	d.settings.put(d.at, o)
}

func (d *teamDeed) changed(u *teamUser, action string) {
	d.event(state.Event{Kind: state.EventUserChanged, Audience: state.ForAll(), User: u.id, Other: d.user.id})
	d.audit(action, "user_"+base36(uint64(u.id)), "")
}

// ofAdmins executes what takes an admin of the cluster.
func (d *teamDeed) ofAdmins(c state.Command) (reply state.Coded, refusal *state.Refusal, mine bool) {
	var name string
	switch c := c.(type) {
	case *account.CreateReset:
		name = c.User
	case *account.DisableUser:
		name = c.User
	case *account.EnableUser:
		name = c.User
	case *account.GrantAdmin:
		name = c.User
	case *account.RevokeAdmin:
		name = c.User
	case *account.CreateInvite, *account.SetSignUpMode, *account.RotateKey:
	default:
		return nil, nil, false
	}
	if !d.me.Admin {
		return nil, refused(state.NotPermitted, "NOT_CLUSTER_ADMIN"), true
	}
	switch c := c.(type) {
	case *account.CreateInvite:
		reply, refusal = d.createInvite(c)
	case *account.SetSignUpMode:
		if o := d.now(); o.SignUp != c.Mode {
			o.SignUp = c.Mode
			d.settings.put(d.at, o)
			d.audit("signup.mode", "", [...]string{"", "open", "invite", "closed"}[c.Mode])
		}
		reply = d.finished()
	case *account.RotateKey:
		reply = d.rotateKey(c)
	default:
		u := d.named(name)
		if u == nil {
			return nil, refused(state.NotFound, "USER_NOT_FOUND"), true
		}
		reply, refusal = d.toUser(c, u)
	}
	return reply, refusal, true
}

func (d *teamDeed) createInvite(c *account.CreateInvite) (state.Coded, *state.Refusal) {
	if d.invite(c.Hash) != nil {
		return nil, refused(state.Exists, "CODE_TAKEN")
	}
	age := c.Age
	if age == 0 {
		age = d.limits.InviteAge
	}
	i := &teamInvite{hash: c.Hash}
	i.is.put(d.at, state.Invite{By: d.user.id, Uses: max(c.Uses, 1), Until: d.applied.Time.Add(age)})
	d.invites = append(d.invites, i)
	d.audit("invite.create", "", "")
	return d.until(d.applied.Time.Add(age)), nil
}

func (d *teamDeed) rotateKey(c *account.RotateKey) state.Coded {
	var older []*teamKey
	for _, k := range d.keys {
		if k.is.when(d.at).good {
			older = append(older, k)
		}
	}
	end := d.applied.Time.Add(c.Keep)
	for i, k := range older {
		is := k.is.when(d.at)
		switch {
		case c.Keep == 0 || len(older)-i >= d.limits.KeysMax:
			is = teamTerm{}
		case is.until == 0 || is.until > end:
			is.until = end
		}
		k.is.put(d.at, is)
	}
	o := d.now()
	o.CurrentKey = uint64(d.at)
	d.settings.put(d.at, o)
	d.addKey(c.Key)
	d.audit("key.rotate", "", "")
	return d.finished()
}

// toUser executes what an admin does to an account.
func (d *teamDeed) toUser(c state.Command, u *teamUser) (state.Coded, *state.Refusal) {
	is, password := u.is.when(d.at), u.password.when(d.at)
	last := is.Admin && d.now().Admins <= 1
	switch c := c.(type) {
	case *account.CreateReset:
		if is.Disabled {
			return nil, refused(state.Precondition, "USER_DISABLED")
		}
		password.reset, password.resetUntil = c.Hash, d.applied.Time.Add(d.limits.SecretAge)
		u.password.put(d.at, password)
		d.audit("password.reset", "user_"+base36(uint64(u.id)), "")
		return d.until(password.resetUntil), nil
	case *account.DisableUser:
		if is.Disabled {
			break
		}
		if last {
			return nil, refused(state.Precondition, "LAST_CLUSTER_ADMIN")
		}
		d.setAdmin(u, false)
		is = u.is.when(d.at)
		is.Disabled = true
		u.is.put(d.at, is)
		password.reset, password.resetUntil = [32]byte{}, 0
		u.password.put(d.at, password)
		d.endLogins(u, nil)
		d.changed(u, "user.disable")
	case *account.EnableUser:
		if is.Disabled {
			is.Disabled = false
			u.is.put(d.at, is)
			d.changed(u, "user.enable")
		}
	case *account.GrantAdmin:
		switch {
		case is.Admin:
		case is.Disabled:
			return nil, refused(state.Precondition, "USER_DISABLED")
		default:
			d.setAdmin(u, true)
			d.changed(u, "admin.grant")
		}
	case *account.RevokeAdmin:
		switch {
		case !is.Admin:
		case last:
			return nil, refused(state.Precondition, "LAST_CLUSTER_ADMIN")
		default:
			d.setAdmin(u, false)
			d.changed(u, "admin.revoke")
		}
	}
	return d.finished(), nil
}

// advance lets pass what ends with an entry: logins first, those with the earliest deadlines before the others, then what
// waits to be used. So few wait in a run that all of them end at once. Locks come last, after the logins that let go of theirs.
func (m *teamModel) advance(at node.Applied) (p passed) {
	if at.Level < node.LevelTeam {
		return p
	}
	d := &teamDeed{teamView: teamView{teamModel: m, at: at.Position}, applied: at}
	p.graced, p.gracedInLine = d.termBegins()
	var over []*teamLogin
	for _, l := range m.logins {
		if is := l.is.when(d.at); is.lives && is.deadline <= at.Time {
			over = append(over, l)
		}
	}
	slices.SortStableFunc(over, func(a, b *teamLogin) int { return cmp.Compare(a.is.when(d.at).deadline, b.is.when(d.at).deadline) })
	for _, l := range over {
		d.endLogin(l)
	}
	p.logins = len(over)
	for _, i := range m.invites {
		if is := i.is.when(d.at); is.Uses > 0 && is.Until <= at.Time {
			i.is.put(d.at, state.Invite{})
		}
	}
	for _, k := range m.keys {
		if is := k.is.when(d.at); is.good && is.until != 0 && is.until <= at.Time {
			k.is.put(d.at, teamTerm{})
		}
	}
	for _, u := range m.users {
		if p := u.password.when(d.at); p.resetUntil != 0 && p.resetUntil <= at.Time {
			p.reset, p.resetUntil = [32]byte{}, 0
			u.password.put(d.at, p)
		}
	}
	if o := d.now(); o.OfferUntil != 0 && o.OfferUntil <= at.Time {
		o.OfferHash, o.OfferUntil = [32]byte{}, 0
		m.settings.put(d.at, o)
	}
	p.locks = d.lapse()
	p.aged = d.sweep()
	d.done()
	p.events = d.events
	return p
}

// passed is what ended with an entry.
type passed struct {
	logins, locks int
	aged          aged
	graced        int // locks that got their time anew
	gracedInLine  bool
	events        []state.Event
}
