package auth

import "context"

// Door checks passwords: whoever wants to know whether one is right goes through here, at log-in and where an
// old password is asked for.
type Door struct {
	Attempts *Attempts
	Hasher   *Hasher
}

// Check returns nil if the password is right. A wrong one and an account that is not there get the same refusal after
// the same work; one that may not try now is refused before anything is read or hashed.
//
// A wrong password is Unauthenticated with WRONG_CREDENTIALS; what else goes wrong is refused, or an error of hashOf or of the
// context.
//
// hashOf reads the account's hash from the state, nil if there is no such account.
func (d *Door) Check(ctx context.Context, username, address, password string, hashOf func(context.Context) ([]byte, error)) error {
	attempt, err := d.Attempts.Begin(username, address)
	if err != nil {
		return err
	}
	defer attempt.Abandoned() // unless it has ended otherwise
	hash, err := hashOf(ctx)
	if err != nil {
		return err
	}
	fits, err := d.Hasher.Compare(ctx, hash, password)
	switch {
	case err != nil:
		return err
	case !fits:
		attempt.Failed()
		return unauthenticated(ReasonCredentials, "The username or the password is wrong.")
	}
	attempt.Succeeded()
	return nil
}
