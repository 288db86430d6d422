// Package chat has the commands and queries about channels, direct conversations and the messages in them.
package chat
