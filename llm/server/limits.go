package server

import "time"

// The bounds of one server. With them the memory for calls is at most about
//
//	(Concurrent + Queue) x (messageBytesMax + a prompt of the same size + OutputBytesMax)
//
// beside what the backend itself needs.
const (
	// ConcurrentDefault is for services and servers elsewhere. A model in this process is asked one at a time.
	ConcurrentDefault = 4
	// offlineConcurrent is for the offline backend beside another one: its checker takes one text at a time.
	offlineConcurrent = 2
	// QueueDefault is how many callers wait. A text takes seconds: who would be the 17th had better hear it now.
	QueueDefault = 16
	// RateDefault is how many texts are begun a minute; a burst of a sixth of it is let through at once.
	RateDefault = 120

	// messageBytesMax bounds a request: task and prompt both have the text, JSON and marks on top.
	messageBytesMax = 5 << 20
	// headerBytesMax bounds a request's headers.
	headerBytesMax = 16 << 10
	// streamsMax bounds the calls on one connection; a node has one connection.
	streamsMax = 64
	// connectionsMax bounds the connections: the nodes of a cluster and a few people who look.
	connectionsMax = 64

	// A connection must finish its handshake within handshakeMax.
	handshakeMax = 5 * time.Second
	// Of a caller that says nothing for pingAfter the server asks for a sign of life, and closes without one after pingMax.
	pingAfter = 20 * time.Second
	pingMax   = 5 * time.Second
	// A caller may ask for a sign of life itself, but not more often than this.
	clientPingMin = 5 * time.Second
	// stopMax is how long a stop waits for texts.
	stopMax = 5 * time.Second
	// warmAfter is how long nobody asked before the backend does what its first text would wait for, if the machine is
	// idle then; else it is how often that is looked at.
	warmAfter = 30 * time.Second
)
