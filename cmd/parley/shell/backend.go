package shell

import (
	"context"
	"time"
)

// A Backend is the cluster as the shell sees it. Every call ends when its context does. Errors that say more than that
// something failed are *Error. A call that a cluster can't serve, such as a model's where there is none, answers with an
// Error of kind NotAvailable.
//
// Calls may run at the same time, with one exception: the shell has at most one Send under way, so that messages stand in
// the order in which they were written.
type Backend interface {
	Accounts
	Places
	Messages
	Files
	Assistant
	Administration

	// Events returns what happens from now on, in order and each once: events of the places that the user may read, and
	// how the connection is. It outlives log-ins and log-outs, finds another node by itself when one dies, and goes on
	// where it stopped; when it can't, it says Resync. It closes when the context ends. It is called once.
	Events(ctx context.Context) <-chan Event
	// Reconnect gives up the node in use and looks for another one.
	Reconnect(ctx context.Context) error
	// Status says how the cluster is.
	Status(ctx context.Context) (Status, error)
}

// Accounts are users and their logins.
type Accounts interface {
	// Account is who is logged in; an Error of kind NotLoggedIn says nobody.
	Account(ctx context.Context) (Account, error)
	SignUp(ctx context.Context, s SignUp) (Account, error)
	LogIn(ctx context.Context, username, password string) (Account, error)
	LogOut(ctx context.Context) error
	SetPassword(ctx context.Context, old, new string) error
	// Redeem sets a new password with a secret that a cluster admin has given out.
	Redeem(ctx context.Context, username, secret, password string) error
	SetProfile(ctx context.Context, displayName, email string) error // empty: as it is
	Logins(ctx context.Context) ([]Login, error)
	Revoke(ctx context.Context, login string) error
	Users(ctx context.Context) ([]User, error)
}

// Places are channels and conversations. PlaceIDs are unique over both, and the same in lists, messages and events.
type Places interface {
	Channels(ctx context.Context) ([]Place, error) // those that the user may see
	CreateChannel(ctx context.Context, c NewChannel) (Place, error)
	Join(ctx context.Context, channel PlaceID) error
	Leave(ctx context.Context, channel PlaceID) error
	Archive(ctx context.Context, channel PlaceID, archived bool) error
	SetInviteOnly(ctx context.Context, channel PlaceID, inviteOnly bool) error
	Members(ctx context.Context, place PlaceID) ([]Member, error)
	AddMember(ctx context.Context, channel PlaceID, username string) error
	RemoveMember(ctx context.Context, channel PlaceID, username string) error
	SetAdmin(ctx context.Context, channel PlaceID, username string, admin bool) error

	Conversations(ctx context.Context) ([]Place, error) // newest message first
	Converse(ctx context.Context, username string) (Place, error)
}

// Messages are read and written.
type Messages interface {
	// Send stores a message once, however often it is called with the same draft. It tries until it knows or until the
	// context ends; then an Error of kind Unknown says that the message may have been stored, any other one that it was not.
	Send(ctx context.Context, d Draft) (Sent, error)
	Edit(ctx context.Context, id, text string) error
	Delete(ctx context.Context, id string) error
	React(ctx context.Context, id, emoji string, on bool) error
	// Message is a message as it is now.
	Message(ctx context.Context, id string) (Message, error)
	// History is a page of a place; older messages first.
	History(ctx context.Context, place PlaceID, p Page) (History, error)
	Thread(ctx context.Context, id string) ([]Message, error)
	Edits(ctx context.Context, id string) ([]Revision, error)
	Search(ctx context.Context, query string) ([]Message, error) // newest first
	Mentions(ctx context.Context) ([]Message, error)             // newest first
	MarkRead(ctx context.Context, place PlaceID, through Position) error
	// Typing tells those in a place that the user writes. Nothing is lost if it fails.
	Typing(ctx context.Context, place PlaceID) error
}

// Files are up- and downloaded. Progress is called now and then with the bytes done and the bytes in all; paths are of
// this machine.
type Files interface {
	Files(ctx context.Context, place PlaceID) ([]File, error)
	Upload(ctx context.Context, place PlaceID, path, description string, progress func(done, all int64)) (File, error)
	// Download writes a file and returns its path. An empty path is the file's own name, cleaned, in the working
	// directory. What exists is not overwritten.
	Download(ctx context.Context, id, path string, progress func(done, all int64)) (string, error)
}

// Assistant is the help of a model. Source says where an answer is from.
type Assistant interface {
	SmartReply(ctx context.Context, place PlaceID) (texts []string, source string, err error)
	Summarize(ctx context.Context, place PlaceID, n int) (Summary, error)
	Suggest(ctx context.Context, place PlaceID, text string) (Suggestions, error)
	// Ask calls answer with each part of the answer as it comes; anew says that those before are none. An empty place is none.
	Ask(ctx context.Context, place PlaceID, question string, answer func(part string, anew bool)) (source string, err error)
}

// Administration is for cluster admins, and for who becomes one.
type Administration interface {
	// Claim makes this user the first cluster admin, with the token that the cluster wrote when it was formed.
	Claim(ctx context.Context, token string) error
	Invite(ctx context.Context) (code string, err error)
	Disable(ctx context.Context, username string, disabled bool) error
	GrantAdmin(ctx context.Context, username string, admin bool) error
	ResetPassword(ctx context.Context, username string) (secret string, err error)
}

// Position is a place in the cluster's one order of events.
type Position uint64

// PlaceID names a channel or a conversation.
type PlaceID string

// Account is the user of this shell.
type Account struct {
	Username     string
	DisplayName  string
	Email        string
	ClusterAdmin bool
}

// SignUp is a new user.
type SignUp struct{ Username, Email, DisplayName, Password, Invite string }

// Login is one log-in of a user, on this machine or another.
type Login struct {
	ID              string
	Client, Address string // what was logged in with, and from where
	Created         time.Time
	Current         bool // this shell's
}

// User is anybody. Email addresses are not shown to others.
type User struct {
	Username    string
	DisplayName string
	Online      bool
	LastSeen    time.Time // zero: never, or now
}

// Member is a user in a place.
type Member struct {
	User
	Admin bool
}

// Place is a channel or a direct conversation.
type Place struct {
	ID          PlaceID
	Direct      bool
	Name        string // of a conversation: the partner's username
	DisplayName string // the partner's
	Description string
	Private     bool
	Archived    bool
	Joined      bool // always true of a conversation
	Admin       bool
	Members     int
	Online      bool // the partner
	Unread      int
	Mentions    int      // of the unread ones
	Read        Position // read up to here
	Last        *Message // the newest message of a conversation, if there is one
	// AsOf is the position that this was read at: the counts hold all that happened up to there.
	AsOf Position
}

// NewChannel is a channel to be made.
type NewChannel struct {
	Name, Description string
	Private           bool
	InviteOnly        bool
}

// Message is a message as it is now.
type Message struct {
	ID       string
	Place    PlaceID
	Position Position
	Sender   string
	Text     string
	Time     time.Time
	ReplyTo  string // the message that it answers
	// Mentioned says that it names this user.
	Mentioned bool
	Edited    bool
	Deleted   Deletion
	Reactions []Reaction
	File      *File
	// AsOf is a position up to which all that happened to the message is in it: of an event its own, of an answer the one
	// that it was read at.
	AsOf Position
}

// Deletion says whether a message was deleted, and by whom.
type Deletion uint8

// The kinds of Deletion.
const (
	NotDeleted Deletion = iota
	BySender
	ByAdmin
)

// Reaction is an emoji, how many have chosen it, and whether this user has.
type Reaction struct {
	Emoji string
	Count int
	Mine  bool
}

// Revision is a text that a message once had.
type Revision struct {
	Text string
	Time time.Time
}

// Draft is a message to be sent. Key is the same however often it is tried, and no other message has it.
type Draft struct {
	Key     string
	Place   PlaceID
	Text    string
	ReplyTo string
}

// Sent is where a message is stored.
type Sent struct {
	ID       string
	Position Position
	Time     time.Time
}

// Page asks for the last Limit messages before Before; zero is the end.
type Page struct {
	Before Position
	Limit  int
}

// History is a page: all messages of a place from the first to the last of these.
type History struct {
	Messages []Message
	More     bool     // there are older ones
	AsOf     Position // the position that it was read at
}

// File is a file in a place.
type File struct {
	ID, Name, Description, Uploader string
	Size                            int64
	Time                            time.Time
}

// Summary is a short account of a talk.
type Summary struct {
	Text      string
	KeyPoints []string
	Source    string
}

// Suggestions go on from a text.
type Suggestions struct {
	Completions, Topics []string
	Source              string
}

// Status is the state of a cluster.
type Status struct {
	Leader string
	Term   uint64
	Nodes  []Node
}

// Node is one member of it.
type Node struct {
	ID, Address, Role, Version string
	Alive                      bool
	Commit, Applied            Position
}

// Event is something that happened. Which fields it has, its kind says.
type Event struct {
	Kind     Kind
	Position Position
	Reader   string // the user whose eyes it is for: to nobody else it is shown. Of a connection: empty
	Place    PlaceID
	User     string    // whom it happened to, or who did it
	By       string    // Joined: who added him, if it was not himself. LockChanged: whose it was
	Message  Message   // Posted: the message. Edited: its ID and its text. Deleted: its ID, and Deleted. Reacted: its ID
	File     File      // Filed
	Through  Position  // WasRead
	Doc      string    // Editing, DocChanged: the document
	Change   string    // DocChanged, LockChanged: what was done, as "updated" or "broken"
	Admin    bool      // UserChanged: a cluster admin
	Text     string    // Lost: why. Connected: the node. Editing, DocChanged: the title. LockChanged: the name. UserChanged: the name that is shown
	Time     time.Time // Offline: when
}

// Kind is a kind of event.
type Kind uint8

// The kinds of events.
const (
	Posted         Kind = iota + 1 // Message is new in Place
	Edited                         // Message has another text
	Deleted                        // Message is deleted
	Reacted                        // the reactions to Message.ID have changed
	Filed                          // File is new in Place
	Joined                         // User is in Place
	Left                           // User left Place by himself
	Removed                        // User was removed from Place; if it is this user, Place is gone for him
	Online                         // User has come
	Offline                        // User has gone
	ChannelCreated                 // Place is new
	ChannelChanged                 // Place has another description, policy or admin, or is archived
	WasRead                        // this user has read Place up to Through, here or elsewhere
	Typing                         // User writes in Place
	Editing                        // User writes on Doc
	DocChanged                     // by User
	LockChanged                    // User has it, or had it, or broke it
	UserChanged                    // User is called otherwise, or has other rights
	Revoked                        // this login has ended
	Connected                      // with the node Text
	Lost                           // the connection, because of Text
	Reconnecting                   // a node is being looked for
	CaughtUp                       // all that happened while the connection was lost has come
	Resync                         // some events will never come: read anew what is shown
)

// ErrorKind is what an error means for the one who sees it.
type ErrorKind uint8

// The kinds of errors. Each has an exit code in the pipe (pipe.go).
const (
	Failed ErrorKind = iota
	Usage
	NotFound
	NotLoggedIn
	NotPermitted
	Conflict
	Unavailable  // nothing happened; later it may
	Unknown      // it may have happened
	NotAvailable // this cluster does not do that
)

// Error is why something was not done: one sentence for a person, and what he can do about it.
type Error struct {
	Kind       ErrorKind
	Text, Hint string
}

func (e *Error) Error() string { return e.Text }
