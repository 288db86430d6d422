// Package account has the commands and queries about who people are: accounts, passwords, logins, admins of the
// cluster, invitations and the keys that sign tokens.
//
// Nothing here draws a random number, hashes a password or reads a clock: that is done where a request comes in, and
// what comes of it travels in the command. A password itself is in no command.
package account
