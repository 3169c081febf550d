package datasets

var cifar100Info = Info{
	Name:    "cifar100",
	Title:   "CIFAR-100",
	Licence: "none stated by the publisher, who asks to cite Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
	Source:  "https://www.cs.toronto.edu/~kriz/cifar.html",
	Task:    ImageClassification,
	DType:   Uint8,
	Shape:   []int{32, 32, 3},
	ClassNames: []string{
		"apple", "aquarium fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
		"bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
		"chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
		"dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
		"lamp", "lawn mower", "leopard", "lion", "lizard", "lobster", "man", "maple tree", "motorcycle", "mountain",
		"mouse", "mushroom", "oak tree", "orange", "orchid", "otter", "palm tree", "pear", "pickup truck", "pine tree",
		"plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
		"rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
		"squirrel", "streetcar", "sunflower", "sweet pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
		"train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow tree", "wolf", "woman", "worm",
	},
	Train:      50000,
	Test:       10000,
	Validation: 5000,
	Mean:       []float32{129.3 / 255, 124.1 / 255, 112.4 / 255},
	Std:        []float32{68.2 / 255, 65.4 / 255, 70.4 / 255},
	Augment:    Augment{Flip: true, Crop: 4},
	Download:   168513733,
	Size:       60000 * 3074,
}

// cifar100 is the official binary archive. A record has the label of one of twenty
// coarse classes before that of its own.
var cifar100 = batches{
	info:   cifar100Info,
	folder: "cifar-100-binary",
	labels: 2,
	other:  nasBench201CIFAR100,
	files:  []batch{{"train.bin", 50000, ""}, {"test.bin", 10000, ""}},
	archive: archive{
		url:    "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
		sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
		size:   cifar100Info.Download,
	},
}
