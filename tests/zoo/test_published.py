"""The networks are the published ones: parameters and MACs, exactly."""

import math

import jax
import pytest

from effnas import zoo
from effnas.nn import rewrite

# Trainable parameters and MACs, by what counted them. PyTorch's MACs are half
# of the operations of its FlopCounterMode, at the published input, on timm's
# and torchvision's networks or the authors'; `test_timm_sizes.py` counts them
# anew where those are installed.
PUBLISHED = {
  # timm 1.0.31.
  'convnext_atto': (3_695_520, 547_332_480),
  'convnext_femto': (5_217_784, 779_629_824),
  'convnext_pico': (9_045_672, 1_367_055_360),
  'convnext_nano': (15_593_560, 2_445_528_320),
  'convnext_tiny': (28_589_128, 4_455_531_264),
  'convnext_small': (50_223_688, 8_683_712_256),
  'convnext_base': (88_591_464, 15_354_729_472),
  # Trainable parameters and MACs of the DARTS repository's networks without the
  # auxiliary head, built in PyTorch; the operations' convolutions and the
  # classifier counted by PyTorch's FlopCounterMode.
  'darts_v2_cifar': (3_349_342, 528_359_040),
  'amoebanet_a_imagenet': (4_627_360, 526_746_624),
  'amoebanet_a_cifar': (3_145_078, 488_931_552),
  'darts_v1_cifar': (3_169_414, 500_987_520),
  'darts_v1_imagenet': (4_510_432, 505_864_704),
  'darts_v2_imagenet': (4_718_752, 529_911_552),
  'nasnet_a_cifar': (3_830_950, 603_452_448),
  'nasnet_a_imagenet': (5_564_320, 604_031_616),
  'pc_darts_cifar': (3_634_678, 556_670_592),
  'pc_darts_image_cifar': (3_721_510, 570_466_944),
  'pc_darts_image_imagenet': (5_342_464, 581_627_328),
  'pc_darts_imagenet': (5_270_560, 571_137_408),
  # Parameters and MACs of one sequence: GPT-2's as transformers 5.23 has it,
  # with torch 2.14's flop counter; nanoGPT's by hand, its own count (10.65M)
  # leaves out the 98,304 of the positions.
  'gpt2_small': (124_439_808, 145_824_153_600),
  'gpt2_medium': (354_823_168, 413_475_536_896),
  'gpt2_large': (774_030_080, 887_285_350_400),
  'gpt2_xl': (1_557_611_200, 1_753_351_782_400),
  'nanogpt_shakespeare': (10_646_784 + 98_304, 3_026_288_640),
  # MACs at 224x224, attention's products included, as
  # PyTorch's FlopCounterMode counts timm 1.0.31's deit_tiny_patch16_224,
  # deit_small_patch16_224, deit_base_patch16_224.
  'deit_tiny': (5_717_416, 1_253_683_200),
  'deit_small': (22_050_664, 4_598_882_304),
  'deit_base': (86_567_656, 17_563_828_224),
  # timm 1.0.31.
  'efficientformer_l1': (12_289_928, 1_291_284_736),
  'efficientformer_l3': (31_406_000, 3_906_573_312),
  # Counted by PyTorch on timm 1.0.31.
  # each at its published input.
  'efficientnet_b0': (5_288_548, 385_814_752),
  'efficientnet_b1': (7_794_184, 686_802_832),
  'efficientnet_b2': (9_109_994, 993_561_872),
  'efficientnet_b3': (12_233_232, 1_827_141_392),
  'efficientnet_b4': (19_341_616, 4_393_771_024),
  'efficientnet_b5': (30_389_784, 10_266_384_752),
  'efficientnet_b6': (43_040_704, 19_067_593_536),
  'efficientnet_b7': (66_347_960, 37_745_884_192),
  # Counted by PyTorch on timm 1.0.31.
  # each at its published input.
  'efficientnet_lite0': (4_652_008, 385_187_552),
  'efficientnet_lite1': (5_416_680, 600_185_232),
  'efficientnet_lite2': (6_092_072, 859_736_272),
  'efficientnet_lite3': (8_197_096, 1_383_321_872),
  'efficientnet_lite4': (13_006_568, 2_553_034_336),
  # Counted by PyTorch on efficientnetv2_s and
  # efficientnetv2_m of timm 1.0.31, each at its published input.
  'efficientnet_v2_s': (21_458_488, 8_365_617_152),
  'efficientnet_v2_m': (54_139_356, 24_582_460_384),
  # Parameters with the pooling layer, and MACs of one sequence of 512: of
  # BertModel in transformers 5.23, with torch 2.14's flop counter.
  'bert_tiny': (4_385_920, 335_560_704),
  'bert_mini': (11_170_560, 2_147_549_184),
  'bert_small': (28_763_648, 7_516_454_912),
  'bert_medium': (41_373_184, 15_032_647_680),
  'bert_base': (109_482_240, 48_318_971_904),
  'bert_large': (335_141_888, 167_504_773_120),
  # timm 1.0.31's ghostnet_100.
  'ghostnet': (5_182_508, 141_150_512),
  # timm 1.0.31.
  'mixnet_s': (4_134_606, 239_173_360),
  'mixnet_m': (5_014_382, 339_172_672),
  # Counted by PyTorch on semnasnet_100, mnasnet_100
  # and mnasnet_small of timm 1.0.31.
  'mnasnet_a1': (3_887_038, 311_579_072),
  'mnasnet_b1': (4_383_312, 314_415_872),
  'mnasnet_small': (2_030_264, 68_339_184),
  # Counted by PyTorch on what `_gen_mobilenet_v1` of
  # timm 1.0.31 makes at each width.
  'mobilenet_v1': (4_231_976, 568_740_352),
  'mobilenet_v1_075': (2_585_560, 325_400_448),
  'mobilenet_v1_050': (1_331_592, 149_497_088),
  'mobilenet_v1_025': (470_072, 41_030_272),
  # Counted by PyTorch on what `_gen_mobilenet_v2` of
  # timm 1.0.31 makes at each width.
  'mobilenet_v2_140': (6_108_776, 582_195_824),
  'mobilenet_v2_130': (5_386_792, 509_374_560),
  'mobilenet_v2': (3_504_872, 300_774_272),
  'mobilenet_v2_075': (2_636_424, 209_069_792),
  'mobilenet_v2_050': (1_968_680, 97_131_840),
  'mobilenet_v2_035': (1_677_128, 59_285_808),
  # Counted by PyTorch on what `_gen_mobilenet_v3` of
  # timm 1.0.31 makes; the minimalistic ones on timm's
  # tf_mobilenetv3_*_minimal_100.
  'mobilenet_v3_large': (5_483_032, 216_589_760),
  'mobilenet_v3_large_075': (3_993_528, 154_560_624),
  'mobilenet_v3_large_minimalistic': (3_924_288, 209_136_704),
  'mobilenet_v3_small': (2_542_856, 56_510_400),
  'mobilenet_v3_small_075': (2_041_872, 43_399_344),
  'mobilenet_v3_small_minimalistic': (2_044_736, 52_288_448),
  # timm 1.0.31.
  'mobilevit_xxs': (1_272_024, 407_364_096),
  'mobilevit_xs': (2_317_848, 1_025_911_808),
  'mobilevit_s': (5_578_632, 2_000_831_488),
  # Trainable parameters and MACs on CIFAR-10, as the published table has them.
  'nasbench201_conv3x3': (1_531_546, 220_119_680),
  'nasbench201_conv1x1': (241_306, 31_376_000),
  'nasbench201_skip': (73_306, 7_783_040),
  'nasbench201_resnet': (559_386, 78_561_920),
  'nasbench201_best': (1_073_466, 153_272_960),
  # 'params' and 'flops' of the published table. Its counter adds up the MACs of
  # convolutions and of the classifier, as footprint does.
  'nasbench_macro_identity': (387_882, 7_713_280),
  'nasbench_macro_mb3_k3': (1_588_874, 53_246_464),
  'nasbench_macro_mb6_k5': (2_932_586, 105_660_928),
  'nasbench_macro_best': (1_985_514, 85_164_544),
  # Trainable parameters and MACs of what `get_active_subnet` of the package ofa
  # 0.1.0 gives, counted by torch.
  'once_for_all_100_largest': (7_664_760, 566_170_656),
  'once_for_all_100_smallest': (3_410_792, 121_278_672),
  'once_for_all_120_largest': (10_701_632, 843_101_040),
  'once_for_all_120_smallest': (4_602_456, 193_078_200),
  # MACs at 224x224 as PyTorch's FlopCounterMode counts
  # timm 1.0.31's regnetx_002, regnety_002, regnety_004.
  'regnet_x_200mf': (2_684_792, 199_039_872),
  'regnet_y_200mf': (3_162_996, 199_514_080),
  'regnet_y_400mf': (4_344_144, 401_842_848),
  # MACs at 224x224 as PyTorch's FlopCounterMode counts
  # timm 1.0.31's resnet18, resnet34, resnet50, resnet101.
  'resnet_18': (11_689_512, 1_814_073_344),
  'resnet_34': (21_797_672, 3_663_761_408),
  'resnet_50': (25_557_032, 4_089_184_256),
  'resnet_101': (44_549_160, 7_801_405_440),
  # At 32x32 with ten classes, counted by PyTorch on networks built like those
  # of RepDistiller.
  'resnet_cifar_20': (272_474, 40_813_184),
  'resnet_cifar_32': (466_906, 69_124_736),
  'resnet_cifar_44': (661_338, 97_436_288),
  'resnet_cifar_56': (855_770, 125_747_840),
  'resnet_cifar_110': (1_730_714, 253_149_824),
  # torchvision 0.29.1.
  'shufflenet_v2_050': (1_366_792, 40_476_448),
  'shufflenet_v2': (2_278_604, 144_907_992),
  'shufflenet_v2_150': (3_503_624, 295_759_392),
  'shufflenet_v2_200': (7_393_996, 583_253_464),
  # At 32x32 with ten classes, counted by PyTorch on networks built like those
  # of RepDistiller.
  'wrn_16_1': (175_066, 26_657_408),
  'wrn_16_2': (691_674, 101_106_944),
  'wrn_40_1': (563_930, 83_280_512),
  'wrn_40_2': (2_243_546, 327_599_360),
  # The survey's companion notebook.
  'survey_cnn_005': (14_549, 10_597_700),
  'survey_cnn_010': (25_840, 11_000_622),
  'survey_cnn_025': (98_250, 13_042_944),
  'survey_cnn_050': (349_546, 18_844_160),
  'survey_cnn_075': (764_170, 27_725_568),
  'survey_cnn_100': (1_342_122, 39_687_168),
  'survey_cnn_140': (2_605_450, 65_415_474),
}
TABLE = {row['name']: row for row in zoo.table()}
# With batch-norm statistics, as Keras counts.
TOTAL = {
  'survey_cnn_005': 14_713,
  'survey_cnn_010': 26_044,
  'survey_cnn_025': 98_570,
  'survey_cnn_050': 350_058,
  'survey_cnn_075': 764_874,
  'survey_cnn_100': 1_343_018,
  'survey_cnn_140': 2_606_654,
}


def _parameters(variables):
  return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables))


@pytest.mark.parametrize('name', PUBLISHED)
def test_sizes_are_the_published_ones(name):
  # `test_table.py` holds the table to the code.
  assert (TABLE[name]['params'], TABLE[name]['macs']) == PUBLISHED[name]


def test_nearly_all_networks_have_published_sizes():
  elsewhere = {n for n in TABLE if n.startswith(('fbnet', 'hw_gpt'))}
  # The extremes of its space; the rows of its table are published.
  own = {'accel_nasbench_largest', 'accel_nasbench_smallest'}
  assert TABLE.keys() - PUBLISHED.keys() == elsewhere | own


@pytest.mark.parametrize('name', TOTAL)
def test_total_parameters_are_the_published_ones(name):
  published = zoo.load(name)
  variables = rewrite.abstract_variables(
    published.build(), published.input_shape
  )
  assert _parameters(variables) == TOTAL[name]
