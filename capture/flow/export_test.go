package flow

// Shared is shared, for the tests outside.
var Shared = shared
