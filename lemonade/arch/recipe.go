package arch

// Recipe is how a network is trained. What a program's recipe() leaves out is
// taken from [RecipeFor]. Epochs and samples are the study's budget and so
// not part of it.
type Recipe struct {
	Optimizer      string  `json:"optimizer"`       // "sgd" (Nesterov momentum) or "adamw"
	LearningRate   float64 `json:"learning_rate"`   // peak, in (0, 10]
	Momentum       float64 `json:"momentum"`        // of sgd, in [0, 0.999]
	WeightDecay    float64 `json:"weight_decay"`    // in [0, 1]; not applied to norms and biases
	LabelSmoothing float64 `json:"label_smoothing"` // in [0, 0.5]
	BatchSize      int     `json:"batch_size"`      // in [8, 1024]
	Schedule       string  `json:"schedule"`        // "one_cycle", "cosine" or "constant"
	Warmup         float64 `json:"warmup"`          // share of the steps spent rising to the peak, in [0, 0.5]
	Flip           bool    `json:"flip"`            // mirror images left to right at random
	Crop           int     `json:"crop"`            // pixels of padding before a random crop, in [0, 8]; 0 is off

	// What follows is left out of JSON where it is off, so that a recipe without it
	// keeps the trial keys it had before there was such a thing.

	Turn         bool    `json:"turn,omitempty"`          // turn square images by 0, 90, 180 or 270 degrees at random
	Cutout       int     `json:"cutout,omitempty"`        // pixels of the side of a square that is blanked at random, in [0, 64]; 0 is off
	Mixup        float64 `json:"mixup,omitempty"`         // alpha of the Beta distribution that images are mixed by, in [0, 1]; 0 is off
	TokenDropout float64 `json:"token_dropout,omitempty"` // share of a text's tokens that become unknown at random, in [0, 0.5]
}
