package state

import "time"

// Limits bounds what one command may bring and what the state keeps. All nodes
// of a cluster must use the same, for as long as it lives: the limits are part
// of the function that Apply computes.
type Limits struct {
	// TextBytesMax bounds a message's text. 16 KiB is about eight printed
	// pages; longer texts are documents.
	TextBytesMax int
	// NameBytesMax bounds a channel's name as commands carry it, so that a
	// refusal which repeats the name stays short.
	NameBytesMax int
	// EventsMax bounds the backlog of events. At about 100 bytes a row,
	// 65,536 events take 6 MiB and let a client be away for a night in a team
	// that writes two messages a second.
	EventsMax int
	// HistoryMax bounds the messages of one history reply; a page on a screen
	// is 20 to 50, and a script pages on.
	HistoryMax int
	// HistoryBytesMax bounds the text bytes of one history reply. A reply holds at
	// least one message, so it is at most this plus TextBytesMax: with
	// names and framing it stays below gRPC's default of 4 MiB a message.
	HistoryBytesMax int
	// LockNameBytesMax bounds a lock's name: room for a path, and a refusal that repeats it stays short.
	LockNameBytesMax int
	// LocksPerPrincipalMax bounds the locks that one principal holds; counting them costs as many reads.
	LocksPerPrincipalMax int
	// LocksMax bounds all locks. At about 600 bytes with its three rows, 16,384 locks take 10 MiB; a hundred
	// people with all their locks stay below.
	LocksMax int
	// LockTTLMin and LockTTLMax bound the log time for which a lock is held unless it is renewed. Below a second a
	// slow disk would cost the lock; after an hour nobody remembers who took it.
	LockTTLMin, LockTTLMax time.Duration
	// LockExpiriesMax bounds the locks that expire with one entry, so that no entry takes long: with an event each, about
	// a millisecond.
	LockExpiriesMax int
	// LocksPageMax bounds the locks of one reply.
	LocksPageMax int

	// UserNameMin and UserNameMax bound a username, in characters of ASCII: wide enough for people, narrow enough for a column.
	UserNameMin, UserNameMax int
	// EmailBytesMax bounds an email address, as the standard does (RFC 5321 §4.5.3.1.3, less the brackets).
	EmailBytesMax int
	// DisplayBytesMax bounds a display name.
	DisplayBytesMax int
	// UsersMax bounds the accounts. With its rows one takes about 1 KiB.
	UsersMax int
	// LoginsPerUserMax bounds the logins of one user. One more ends the one that was renewed least recently: a script that logs in each
	// time and never out locks nobody out.
	LoginsPerUserMax int
	// LoginIdleMax is the log time after which a login ends whose token was not renewed.
	LoginIdleMax time.Duration
	// ExpiriesMax bounds the logins, invites and the like that expire with one entry, so that no entry takes long.
	ExpiriesMax int
	// InvitesMax bounds the invitations that wait to be used, InviteUsesMax how many may use one. InviteAge is how long one
	// waits that does not say, InviteAgeMax the longest. SecretAge is how long a one-time secret is good.
	InvitesMax                         int
	InviteUsesMax                      uint64
	InviteAge, InviteAgeMax, SecretAge time.Duration
	// KeysMax bounds the keys of which tokens are taken, KeyAgeMax how long an older one is kept: as long as the
	// longest token lives.
	KeysMax   int
	KeyAgeMax time.Duration
	// UsersPageMax bounds the users of one reply, and UsersPage is what a query gets that names no number. UsersLookMax
	// bounds the accounts that a page of those online looks at; the answer then says where to go on.
	UsersPageMax, UsersPage, UsersLookMax int
	// AuditPageMax bounds the audit records of one reply: at about 250 bytes each, some 250 KiB.
	AuditPageMax int
	// PresenceChangesMax bounds the changes of one announcement: with a row or two and an event each, about a millisecond.
	PresenceChangesMax int
	// EdgesPerUserMax bounds the nodes at which one user counts as connected: more than a cluster has.
	EdgesPerUserMax uint64
	// ChannelNameMin and ChannelNameMax bound a channel's name, in characters.
	ChannelNameMin, ChannelNameMax int
	// DescriptionBytesMax bounds a channel's or a file's description.
	DescriptionBytesMax int
	// ChannelsMax bounds the channels, of which one list may show all.
	ChannelsMax int
	// PlacesPerUserMax bounds the channels and conversations that one user is a member of.
	PlacesPerUserMax int
	// MembersMax bounds the members of a channel.
	MembersMax int
	// EditsMax bounds the edits of one message, all of whose texts are kept.
	EditsMax int
	// ReactionsMax bounds the different reactions to one message, and EmojiBytesMax one of them.
	ReactionsMax, EmojiBytesMax int
	// MentionsPerMessageMax bounds the users that one message can mention, MentionsMax what is kept for one user.
	MentionsPerMessageMax, MentionsMax int
	// SearchRowsMax bounds the messages that one search looks at; the answer then says where to go on. 20,000 of two lines take
	// 6 ms of a processor, in other letters than those of ASCII some 30: a search is read off the loop.
	SearchRowsMax int
	// FileBytesMax bounds one file, FileNameBytesMax its name, and QuotaBytes all files of one user.
	FileBytesMax     int64
	FileNameBytesMax int
	QuotaBytes       int64
	// FilesPerPlaceMax bounds the files of a place, of which one list may show all.
	FilesPerPlaceMax int
	// LockWaitersMax bounds the line for one lock, and LockWaitMax how long anybody stands in it.
	LockWaitersMax int
	LockWaitMax    time.Duration
	// DocumentBytesMax bounds a document's content. With its envelope it fits into one entry.
	DocumentBytesMax int
	// TitleBytesMax bounds a document's title, and NoteBytesMax what is said of a revision.
	TitleBytesMax, NoteBytesMax int
	// DocumentsMax bounds the documents, RevisionsMax the revisions of one, and DocumentQuotaBytes what all documents
	// take that one user made: they are in memory.
	DocumentsMax       int
	RevisionsMax       uint64
	DocumentQuotaBytes uint64
	// GrantsMax bounds the access list of a document.
	GrantsMax uint64
	// DeltasMax bounds how many differences are put together to make a revision's content, and DeltaWorkBytesMax the
	// bytes that this makes: 16 MiB take some milliseconds. A revision beyond is kept whole.
	DeltasMax, DeltaWorkBytesMax uint64
	// DocumentsPageMax bounds the documents and revisions of one reply, and DocumentsLookMax the documents that one list
	// looks at; the answer then says where to go on.
	DocumentsPageMax, DocumentsLookMax int
	// AuditMax bounds the audit log. At about 250 bytes a record, 100,000 take 25 MiB.
	AuditMax int
	// RetentionMin is the shortest time for which messages and files may be kept: somebody has to find them before they are
	// gone. EventsRetentionMin is that of events: a client has to go on with them after a short absence.
	RetentionMin, EventsRetentionMin time.Duration
	// SweepEvery is how long after the end of a round the next one begins: what is too old goes within that time. One entry
	// takes SweepRowsMax rows away at most, and looks at SweepPlacesMax places, each of which costs four looks, some microseconds.
	SweepEvery                   time.Duration
	SweepRowsMax, SweepPlacesMax int
	// EventTimesEvery is how far apart two rows of TableEventTimes are, and how much longer than told an event may stay.
	EventTimesEvery time.Duration
}

// DefaultLimits are the limits of a cluster that says nothing else.
func DefaultLimits() Limits {
	return Limits{
		TextBytesMax:    16 << 10,
		NameBytesMax:    64,
		EventsMax:       1 << 16,
		HistoryMax:      1000,
		HistoryBytesMax: 1 << 20,

		LockNameBytesMax:     128,
		LocksPerPrincipalMax: 100,
		LocksMax:             1 << 14,
		LockTTLMin:           time.Second,
		LockTTLMax:           time.Hour,
		LockExpiriesMax:      256,
		LocksPageMax:         1000,

		UserNameMin:           3,
		UserNameMax:           20,
		EmailBytesMax:         254,
		DisplayBytesMax:       80,
		UsersMax:              100_000,
		LoginsPerUserMax:      50,
		LoginIdleMax:          30 * 24 * time.Hour,
		ExpiriesMax:           64,
		InvitesMax:            1000,
		InviteUsesMax:         1000,
		InviteAge:             7 * 24 * time.Hour,
		InviteAgeMax:          30 * 24 * time.Hour,
		SecretAge:             24 * time.Hour,
		ChannelNameMin:        3,
		ChannelNameMax:        50,
		DescriptionBytesMax:   500,
		ChannelsMax:           10_000,
		PlacesPerUserMax:      10_000,
		MembersMax:            10_000,
		EditsMax:              100,
		ReactionsMax:          50,
		EmojiBytesMax:         32,
		MentionsPerMessageMax: 50,
		MentionsMax:           1000,
		SearchRowsMax:         20_000,
		FileBytesMax:          10 << 20,
		FileNameBytesMax:      200,
		QuotaBytes:            1 << 30,
		FilesPerPlaceMax:      10_000,
		LockWaitersMax:        1000,
		LockWaitMax:           time.Hour,
		DocumentBytesMax:      1 << 20,
		TitleBytesMax:         200,
		NoteBytesMax:          500,
		DocumentsMax:          100_000,
		RevisionsMax:          100_000,
		DocumentQuotaBytes:    256 << 20,
		GrantsMax:             200,
		DeltasMax:             32,
		DeltaWorkBytesMax:     16 << 20,
		DocumentsPageMax:      1000,
		DocumentsLookMax:      10_000,
		AuditMax:              100_000,
		KeysMax:               4,
		KeyAgeMax:             366 * 24 * time.Hour,
		UsersPageMax:          1000,
		UsersPage:             100,
		UsersLookMax:          10_000,
		AuditPageMax:          1000,
		PresenceChangesMax:    256,
		EdgesPerUserMax:       16,
		RetentionMin:          time.Hour,
		EventsRetentionMin:    time.Minute,
		SweepEvery:            time.Hour,
		SweepRowsMax:          64,
		SweepPlacesMax:        128,
		EventTimesEvery:       time.Minute,
	}
}

// PageDefault is how many items a query gets that names no number.
const PageDefault = 20

// UsersLimit is how many users a page has for which so many were asked.
func (l *Limits) UsersLimit(asked uint64) int {
	if asked == 0 {
		return l.UsersPage
	}
	return int(min(asked, uint64(l.UsersPageMax)))
}
