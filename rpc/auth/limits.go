package auth

import "time"

// The bounds of one node's edge. Full tables cost at most about
//
//	verifiedMax x (2 x tokenBytesMax)                         8 MiB of verified tokens
//	+ (accountsMax + addressesMax + pairsMax) x 400 bytes    16 MiB of failed log-ins
//	+ ratesMax x 250 bytes                                    4 MiB for each Rates
const (
	// tokenBytesMax bounds a token before anything looks into it. Ours have about 400 bytes; the rest is room for
	// longer ids. Parsing so little costs microseconds, so that a flood of forged tokens is one of requests.
	tokenBytesMax = 1024
	// claimBytesMax bounds each id in a token, so that a token that is minted is also taken.
	claimBytesMax = 64
	// keysMax bounds the keys of a ring. One signs, one was rotated out today; eight are
	// a rotation every three hours with tokens of a day.
	keysMax = 8
	// keyIDBytesMax bounds a key's id, which stands in every token.
	keyIDBytesMax = 32
	// verifiedMax bounds the tokens whose signature need not be checked again. A
	// node has at most as many connections as this.
	verifiedMax = 4096

	// LifetimeDefault is how long a token lives if nothing else is said, and LifetimeMin and LifetimeMax
	// bound what can be said. Expiry counts in seconds, as tokens do; a token of more than a year is a password.
	LifetimeDefault = 24 * time.Hour
	LifetimeMin     = time.Second
	LifetimeMax     = 366 * 24 * time.Hour
	// tokenLeeway is by how much the clocks of two nodes may differ without a token being dead on one
	// and alive on the other. Tokens live for a day: it matters in the last seconds only.
	tokenLeeway = 10 * time.Second

	// PasswordRunesDefault is the least number of characters of a password.
	PasswordRunesDefault = 8
	// PasswordBytesMax is what bcrypt looks at; it would ignore the rest silently.
	PasswordBytesMax = 72

	// CostDefault takes 236 ms of one core. CostLoopbackMin is the least cost off loopback: 60 ms, the least
	// that still hurts whoever steals the hashes. CostMax takes 4 s, after which clients give up.
	CostDefault     = 12
	CostLoopbackMin = 10
	CostMax         = 16
	// hashWaitersMax bounds who waits for the one hash that is under way: 8 s of work at the default
	// cost, which is what a client waits for an answer.
	hashWaitersMax = 32
	// hashMillisAt10 is about what one hash of cost 10 takes; each step doubles it. Only the proposed delay of
	// a refusal hangs on it.
	hashMillisAt10 = 60

	// From one address addressBurst wrong passwords may come at once, then one every addressEvery: 90 in ten
	// minutes. The burst is larger than the number of hashes that may wait, so that honest people of one house who
	// all log in at nine o'clock meet the queue and not this limit.
	addressBurst = 40
	addressEvery = 12 * time.Second
	// An address may be wrong about one account freeFailures times before it counts as a stranger, whose delay grows:
	// enough for a person who tries all his old passwords.
	freeFailures = 10
	// All addresses together that are new to an account may be wrong newcomersBurst times at once, then
	// once every newcomersEvery: 50 in ten minutes, whatever the number of addresses.
	newcomersBurst = 20
	newcomersEvery = 20 * time.Second
	// The delay after a failure starts at delayMin, doubles, and ends at delayMax: fifteen in the first ten minutes.
	// It never grows beyond a minute, because the owner of the account waits for it too.
	delayMin = time.Second
	delayMax = time.Minute
	// forgetAfter is how long an account or an address must be quiet for its failures to be forgotten.
	forgetAfter = time.Hour

	// How many accounts, addresses and pairs of them are remembered; the one that was
	// quiet for longest is forgotten first. To push a pair out somebody needs
	// 16,384 others, with 40 from each address.
	accountsMax  = 8192
	addressesMax = 16384
	pairsMax     = 16384
	// keyBytesMax bounds a name as these tables keep it. No account has a name of more than 20 bytes, so
	// that all longer ones may well share their fate.
	keyBytesMax = 64
	// ratesMax bounds the users that one Rates remembers: beyond the connections of a node, and who was quiet long
	// enough to be forgotten has a full bucket anyway.
	ratesMax = 16384

	// ticketTextBytesMax bounds what is looked at as a code: its 42 bytes, and room for blanks of whoever typed it.
	ticketTextBytesMax = 128
	// secretFileBytesMax bounds what is read of a file that is to hold a secret: its 43 characters and blanks.
	secretFileBytesMax = 256
)
