"""DINO, self-distillation with no labels (Caron et al. 2021, arXiv 2104.14294), to be read in an evening.

Reading order, the algorithm first:

    config.py      every number of a run
    loss.py        teacher_probs, dino_loss, update_center: the idea in three functions
    teacher.py     the teacher follows the student
    train.py       Dino.train_step is the paper's Algorithm 1; train() repeats it
    views.py       the crops that student and teacher see (with colors.py, resample.py)
    vit.py, head.py, network.py      what turns a crop into logits
    schedules.py, knobs.py, optimizer.py     what changes while it trains
    collapse.py    is it alive? entropy, KL, mutual information, and a diagnosis (steplog.py: every step)
    evaluate.py, scorecard.py, attention.py  what it has learnt (finetune.py: with a few labels; index.py: search;
                   shipped.py: a trained model in the package)
    data.py        pictures (data_emoji.py, data_folder.py, data_torchvision.py)
    batches.py, distributed.py, checkpoint.py, preflight.py, run.py, __main__.py     a run one can trust
"""

from dino_lite.attention import attention_iou, attention_maps, enlarge, mask_iou, mass_mask
from dino_lite.checkpoint import load_checkpoint, save_checkpoint
from dino_lite.collapse import Diagnosis, diagnose
from dino_lite.config import DinoConfig
from dino_lite.data import Pictures, load_cat, load_pictures
from dino_lite.evaluate import (
    features,
    knn_accuracy,
    linear_probe,
    on_background,
    pixel_features,
    retrieval_accuracy,
)
from dino_lite.finetune import few_label_probe, few_labels, fine_tune
from dino_lite.head import DinoHead
from dino_lite.index import VectorIndex
from dino_lite.loss import batch_softmax_probs, dino_loss, sinkhorn_probs, teacher_probs, update_center
from dino_lite.network import Network
from dino_lite.scorecard import scorecard
from dino_lite.shipped import Recording, pretrained, recording
from dino_lite.steplog import StepLog
from dino_lite.teacher import ema_update, make_teacher
from dino_lite.train import Dino, train
from dino_lite.views import Views, make_views
from dino_lite.vit import ViT

__all__ = [
    "Diagnosis",
    "Dino",
    "DinoConfig",
    "DinoHead",
    "Network",
    "Pictures",
    "Recording",
    "StepLog",
    "VectorIndex",
    "ViT",
    "Views",
    "attention_iou",
    "attention_maps",
    "batch_softmax_probs",
    "diagnose",
    "dino_loss",
    "ema_update",
    "enlarge",
    "features",
    "few_label_probe",
    "few_labels",
    "fine_tune",
    "knn_accuracy",
    "linear_probe",
    "load_cat",
    "load_checkpoint",
    "load_pictures",
    "make_teacher",
    "make_views",
    "mask_iou",
    "mass_mask",
    "on_background",
    "pixel_features",
    "pretrained",
    "recording",
    "retrieval_accuracy",
    "save_checkpoint",
    "scorecard",
    "sinkhorn_probs",
    "teacher_probs",
    "train",
    "update_center",
]
