// Package auth is the part of the RPC edge that knows credentials: tokens, passwords, one-time
// codes, and how often somebody may try.
//
// A log-in, as a node serves it:
//
//	username, password, secret          the client draws the secret and keeps it
//	      │
//	  Attempts.Begin                    may this address try this account now? answers before any hashing
//	      │
//	  the account's hash                read from the replicated state; nil if there is no such account
//	      │
//	  Hasher.Compare                    one at a time, 32 wait; an unknown account costs the same
//	      │
//	  LogIn{user, SHA-256(secret)}      the command: the state keeps the hash of the secret alone
//	      │
//	  Keyring.Mint                      the token: user, login, secret, signed
//
// (Door is the first three of these steps.) Every later call brings the token. Keyring.Verify checks
// signature and expiry and returns the Claims; their Proof goes into the command, and the state machine,
// which has the hash, judges whether it fits and whether the login is live. So a token alone that somebody
// signs with a stolen key opens nothing, and a login that was revoked is dead on every node in the very
// entry that revoked it, whatever tokens there are.
//
// Reading order: secret.go and ticket.go (what is drawn, shown and hashed), secretfile.go, keyring.go and token.go,
// policy.go and common.go (which passwords are taken), hasher.go, then bucket.go, attempts.go
// and rates.go (how often), door.go, and limits.go, which says why each number is what it is.
//
// The package knows nothing of the state machine, of Raft or of gRPC: ids are text, clocks are functions, and
// what is refused is a *Refusal with a stable reason, the field, and a sentence that says what to do.
//
// Nothing here logs. Secret, Ticket and Key write themselves as [secret] however they are printed, and
// no refusal repeats a password, a token or a code.
package auth
