package account

// The kinds of the commands of this package. They are in logs; they never change.
const (
	kindSignUp         = 1
	kindLogIn          = 2
	kindBootstrap      = 3
	kindOfferAdmin     = 4
	kindDemoUsers      = 5
	kindRenewLogin     = 6
	kindLogOut         = 7
	kindRevokeLogin    = 8
	kindChangePassword = 9
	kindResetPassword  = 10
	kindCreateReset    = 11
	kindSetProfile     = 12
	kindDisableUser    = 13
	kindEnableUser     = 14
	kindGrantAdmin     = 15
	kindRevokeAdmin    = 16
	kindClaimAdmin     = 17
	kindCreateInvite   = 18
	kindSetSignUpMode  = 19
	kindRotateKey      = 20
	kindOperate        = 25
	kindDenied         = 26
	kindLogInFailed    = 27
	kindSetRetention   = 28
)

// The kinds of its queries.
const (
	kindCredentialsOf = 1
	kindSigningKeys   = 2
	kindEdgeState     = 3
	kindWhoAmI        = 4
	kindLogins        = 5
	kindUsers         = 6
	kindUserOf        = 7
	kindAudit         = 8
	kindRetentionOf   = 12
)
