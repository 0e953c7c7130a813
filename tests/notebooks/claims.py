"""What the notebooks claim, as conditions on their own variables at the end: true also in fast mode.

test_execution.py evaluates them in each notebook's kernel. Those that need whole runs are in FULL, by the cell up to
which the notebook is run for them.
"""

CLAIMS = {
    "00_start_here": [
        "0 < first < math.log(K) and own < first",
        "abs(float(H(t1, s2) / 2 + H(t2, s1) / 2) - float(library)) < 1e-4",
        "goes_by(before)[1] < 0.5 < 0.65 < measured['shipped'][1]",
        "found['shipped network'] > found['raw pixels'] > found['random network']",
        "min(scores['shipped network'][50]) > max(scores['raw pixels'][50]) > max(scores['random network'][50])",
    ],
    "01_augmentation": [
        "by_name['as it is'] == 0 and all(by_name[n] > 0.05 for n in names[1:])",
        "most == 'brightness'",
        "0.10 < float((kinds['local and local'] == 0).float().mean()) < 0.16",
        "0 < float((kinds['global and local'] == 0).float().mean()) < 0.01",
        "0 < float((kinds['global and global, scale from 0.14'] == 0).float().mean()) < 0.01",
        "terms == 22 and len(pairs) == 24",
        "painted_log.loss < fresh_log.loss",
        "all(row['flip'] < 0.1 and row['blur'] < 0.1 for row in far.values())",
        "all(far[n][c] < far['only ground'][c] for n, c in {'grey': 'grey', 'hue': 'hue'}.items())",
    ],
    "02_student_and_teacher": [
        "seen['tokens'].shape[1] == 5 and float((tokens - seen['tokens']).abs().max()) < 1e-5",
        "0.01 < shift < 0.8 and abs(far['without']) < 1e-5",
        "float(((q @ k.T / q.shape[-1] ** 0.5).softmax(-1) - library).abs().max()) < 1e-5",
        "float(without) < float(divided)",
        "gap < 1e-4",
        "abs(float((prototypes @ prototypes.T).max()) - 1) < 1e-5",
        "next(mirror.student.parameters()).data_ptr() == next(mirror.teacher.parameters()).data_ptr()",
        "float(dino_lite.collapse.student_teacher_distance(mirror.student, mirror.teacher)) == 0",
        "s.shape[0] * s.shape[1] == 288 and t.shape[0] * t.shape[1] == 96",
    ],
    "03_centering_and_sharpening": [
        "by_number < 1e-4 < by_center",
        "turns[0.0] < turns[0.9] < turns[0.99] < turns[0.999]",
        "[end_of(lessons[name][-1]) for name in ('sharpening alone', 'centering alone', 'both')]"
        " == [ENDS[1], ENDS[2], ENDS[0]]",
        "curves['information I, nats']['both'][-1] > 10 * curves['information I, nats']['centering alone'][-1]",
    ],
    "04_the_ema_teacher": [
        "abs(left - paper.ema_momentum**100) < 0.01",
        "now == mean['before']",
    ],
    "05_training": [
        "hour.logs[-1]['diagnosis'] == 'healthy'",
        "hour.logs[-1]['mutual_information'] > hour.logs[0]['mutual_information'] + 1",
        "moved == ['centre']",
        "final[NAMES[1]] < final[NAMES[0]]",
        "knn_and_retrieval(dino_lite.pretrained('emoji'))[0]"
        " > knn_and_retrieval(dino_lite.pretrained('emoji', 'start'))[0] + 0.15",
        "knn_and_retrieval(dino_lite.pretrained('emoji'))[1] > 0.12",
        "knn_and_retrieval(dino_lite.pretrained('collapsed'))[1] < 0.05",
        "preflight(config, len(pictures), steps=300)[1] == [] and len(preflight(paper, 1200, steps=400)[1]) == 2",
        "missed == ['a learning rate 30 times as high']",
        "gap == 0.0",
        "min(gaps.values()) > 0 and max(gaps, key=gaps.get) == 'step'",
    ],
    "06_collapse_lab": [
        "at_once['no centering'] < at_once['both on'] < at_once['no sharpening']",
        "line == 'dino-run/1 lab seed=0 steps=20; 10 center_momentum=0.999'",
    ],
    "07_embeddings": [
        "0.02 < shares['trained'] < 0.10 and shares['half-trained'] < 0.15 and shares['random'] > 0.4",
        "widths['no EMA'] > 0.2 * widths['trained']",
        "retrieval['trained'] > retrieval['pixels'] > retrieval['random']",
        "abs(scores['trained']['retrieval_held'] - recorded.card['model']['random']['retrieval_held']) < 0.005",
        "scores['trained']['knn'] > scores['half-trained']['knn'] > scores['pixels']['knn'] > scores['random']['knn']",
        "recorded.card['pixels']['white']['retrieval_held'] > recorded.card['model']['white']['retrieval_held']",
        "recorded.card['model']['moved']['retrieval_held'] > recorded.card['pixels']['moved']['retrieval_held']",
        "lost.logs[loss_step - 1]['diagnosis'] == 'healthy' and lost.logs[-1]['diagnosis'] == 'dominant'",
        "abs(change) < 0.05",
        "0.9 < recall[10] < recall[20] <= recall[40] <= recall[80]",
        "min(probes['trained'][20]) > max(probes['pixels'][20]) > max(probes['random'][20])",
    ],
    "08_attention": [
        "kept == 10",
        "max(found, key=found.get) == 'the whole picture'",
        "found['the random network'] > found['the trained network']",
        "best == 'the trained network'",
        "shares[RIVALS[0]][PLACES[1]] > shares[RIVALS[1]][PLACES[1]] + 0.05",
        "both[1] > 0.2 > abs(both[0])",
    ],
    "09_your_own_pictures": [
        "len(pictures) == 733 and len(caught) == 1",
        "preflight(config, len(pictures), 300)[1] == []",
        "max(knn, key=knn.get) == 'network of the package' and knn['raw pixels'] > knn['random network']",
        "float((dino_lite.features(theirs, pictures) - dino_lite.features(dino.teacher, pictures)).abs().max()) < 1e-5",
        "code == 2 and 'global_size' in said.getvalue()",
        "sorted(path.name for path in run.iterdir())"
        " == ['checkpoint.safetensors', 'config.json', 'metrics.jsonl', 'summary.json']",
    ],
}

FULL = {
    "06_collapse_lab": (
        "later = ",  # the first cell with this is the last that is run
        [
            "healthy.diagnosis == 'healthy'",
            "[trials[n][0].diagnosis for n in trials] == ['dominant', 'uniform', 'dominant']",
            "trials['no centering'][1].diagnosis == trials['no sharpening'][1].diagnosis == 'healthy'",
            "trials['no EMA'][1].diagnosis in ('uniform', 'dominant')",
            "late(trials['no centering'][0].logs, 'effective_prototypes') < 10",
            "late(trials['no sharpening'][0].logs, 'loss') > 0.9 * log(K)",
            "late(trials['no EMA'][0].logs, 'mutual_information') < 0.1",
            "at_once['no centering'] < at_once['both on'] < at_once['no sharpening']",
            "later['no centering'] < at_once['no centering'] and later['no sharpening'] > at_once['no sharpening']",
        ],
    )
}
