// Package chat has the commands and queries about channels, direct conversations and the messages in them. A place is a
// channel or a conversation; who is a member of it reads and writes there, and nobody else.
//
//	Send ──▶ Post, numbered within its place ──▶ one event for its members, one for each whom it mentions
//	          │
//	          ├─ Root ──▶ thread       replies to replies join the thread of the first message
//	          ├─ edits                 the texts before, until the message is deleted
//	          └─ reactions             counted once per user and emoji
//
//	unread = Place.Messages - Member.Number        counted by nobody: both are numbers of messages
//
// # Reading order
//
//	send.go     Send
//	history.go  History: pages of a place
//	message.go  a message as its readers see it; GetMessage, EditsOf, Thread
//	edit.go     Edit, Unsend, React, Unreact, MarkRead
//	mention.go  who is mentioned in a text, and Mentions
//	channel.go  CreateChannel, Archive, Unarchive, UpdateChannel
//	member.go   Join, Leave, AddMember, RemoveMember, Promote, Demote
//	list.go     Channels, ChannelOf, Members, Conversations, PlaceOf; and what is written down: InspectChannel, InspectChannels
//	search.go   Search, over words.go
//
// Who may do what stands in one table, in state/access.go.
//
// # What happens to an event
//
// What happens in a place concerns its members as they are when it is delivered; what happens to a channel itself, whoever
// may see it then. A read mark and a mention concern one user, on all his streams. Who was removed is told so by an event
// of his own, and sees nothing else of the place any more, not even what he had not fetched yet.
package chat
