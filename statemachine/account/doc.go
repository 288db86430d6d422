// Package account has the commands and queries about who people are: accounts, passwords, logins, admins of the
// cluster, invitations and the keys that sign tokens.
//
//	         anybody                     a server's edge                  an admin of the cluster
//	SignUp, LogIn, ResetPassword   Bootstrap, OfferAdmin, DemoUsers   DisableUser, GrantAdmin, CreateReset,
//	           │                              │                       CreateInvite, SetSignUpMode, RotateKey, …
//	           ▼                              ▼                                    │
//	  User, Credential, Login          Settings, SigningKey  ◀─────────────────────┘
//	           ▲
//	           │ under a login
//	RenewLogin, LogOut, RevokeLogin, ChangePassword, SetProfile, ClaimAdmin
//
// # Reading order
//
//	kinds.go     the numbers of all commands and queries
//	common.go    what several of them share: who may, who is meant, what is answered
//	signup.go    an account is made; demo.go the three of dev mode
//	login.go     a login begins; logins.go it is renewed, shown and ended
//	password.go  another password, with the old one or with a one-time code
//	profile.go   names and addresses, and who may see which
//	admin.go     admins of the cluster make and unmake others, and disable accounts
//	claim.go     how the first of them comes
//	invite.go    who may sign up
//	keys.go      what signs tokens
//	audit.go     who did what
//
// # What it promises
//
// Nothing here draws a random number, hashes a password or reads a clock: that is done where a request comes in, and
// what comes of it travels in the command. No password is in a command, and no code or token either: only what they
// hash to. What proves who somebody is leaves the state only in the answers that are for servers.
//
// There is always an admin of the cluster once there was one: the last can neither be unmade nor disabled.
//
// # What it asks of its caller
//
// Commands and queries that say "for servers" are never made from a caller's request.
package account
