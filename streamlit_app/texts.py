"""Every sentence of the app, in French and English; how numbers and days look is in `formats.py`.

A text that neither language has is an error, never a key on the screen.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from streamlit_app.formats import Language

Say = Callable[..., str]

_TEXTS: dict[str, dict[Language, str]] = {
    # The frame around every page
    "app": {"fr": "Flow Platform", "en": "Flow Platform"},
    "language": {"fr": "Langue · Language", "en": "Language · Langue"},
    "retry": {"fr": "Réessayer", "en": "Try again"},
    "for_operators": {
        "fr": "Pour l’équipe qui exploite la plateforme",
        "en": "For the team that runs the platform",
    },
    "down.title": {
        "fr": "La base de données ne répond pas.",
        "en": "The database does not answer.",
    },
    "down.body": {
        "fr": "Aucun chiffre ne peut être affiché pour l’instant. Réessayez dans une minute ; si"
        " cela dure, prévenez l’équipe qui exploite la plateforme.",
        "en": "No figure can be shown for now. Try again in a minute; if it goes on, tell the team"
        " that runs the platform.",
    },
    "down.hint": {
        "fr": "`flow status` dit quels services tournent, `flow up` les relance.",
        "en": "`flow status` says which services run, `flow up` starts them again.",
    },
    "unready.title": {
        "fr": "La plateforme n’a encore rien publié.",
        "en": "The platform has published nothing yet.",
    },
    "unready.body": {
        "fr": "La base de données répond, mais les vues que lit cette page n’y sont pas. L’équipe"
        " qui exploite la plateforme peut les créer avec `make demo` (données simulées) ou"
        " `flow backfill parcels --from 2025-01-01 --to 2025-12-31`.",
        "en": "The database answers, but the views this page reads are not there. The team that"
        " runs the platform can make them with `make demo` (simulated data) or"
        " `flow backfill parcels --from 2025-01-01 --to 2025-12-31`.",
    },
    "download.csv": {"fr": "Télécharger en CSV", "en": "Download as CSV"},
    "download.excel": {"fr": "Télécharger pour Excel", "en": "Download for Excel"},
    "download.note": {
        "fr": "Le tableau arrondit à l’unité. Les fichiers ont les mêmes lignes, sans arrondi : les"
        " nombres du CSV sont exactement ceux de la base (UTF-8, virgule, point décimal ; heures"
        " en UTC).",
        "en": "The table rounds to whole numbers. The files have the same rows, unrounded: the"
        " numbers of the CSV are exactly the database’s (UTF-8, comma, decimal point; times in"
        " UTC).",
    },
    # What pages of forecasts fill in: what is counted, why a number is absent, what runs daily
    "unit.parcels": {"fr": "colis", "en": "parcels"},
    "unit.quantity": {"fr": "articles", "en": "pieces"},
    "unit.invoices": {"fr": "factures", "en": "invoices"},
    "unit.revenue": {"fr": "chiffre d’affaires", "en": "revenue"},
    "absent.parcels": {"fr": "Aucun comptage reçu", "en": "No count received"},
    "absent.retail": {"fr": "Boutique fermée", "en": "Shop closed"},
    "absent.short.parcels": {"fr": "manquant", "en": "missing"},
    "absent.short.retail": {"fr": "fermé", "en": "closed"},
    "place.parcels": {"fr": "centre", "en": "centre"},
    "place.retail": {"fr": "pays", "en": "country"},
    "places.parcels": {"fr": "centres", "en": "centres"},
    "places.retail": {"fr": "pays", "en": "countries"},
    # Page Parcels
    "parcels.title": {"fr": "Colis", "en": "Parcels"},
    "centre": {"fr": "Centre de tri", "en": "Sorting centre"},
    "issue": {"fr": "Prévision faite le soir du", "en": "Forecast made on the evening of"},
    "issue.newest": {"fr": "{day} (la plus récente)", "en": "{day} (newest)"},
    "issue.none": {"fr": "Aucune prévision", "en": "No forecast"},
    "issue.unknown": {
        "fr": "Aucune prévision n’a été faite pour ce centre le soir du {asked} : voici la plus"
        " récente.",
        "en": "No forecast was made for this centre on the evening of {asked}: this is the newest.",
    },
    "unknown.centre": {
        "fr": "Le centre « {asked} » de l’adresse n’existe pas : voici {shown}.",
        "en": "There is no centre “{asked}” as the address says: this is {shown}.",
    },
    "stamp": {
        "fr": "Dernière prévision : soir du {issue} · derniers comptages : {actual} · modèle :"
        " {model}",
        "en": "Newest forecast: evening of {issue} · newest counts: {actual} · model: {model}",
    },
    "stamp.no_actual": {"fr": "aucun", "en": "none"},
    "stale": {
        "fr": "**Ces prévisions datent.** La plus récente est du soir du {day}, il y a {age} jours"
        " : elle ignore ce qui s’est passé depuis. Ne planifiez pas sur ces chiffres sans les"
        " vérifier, et prévenez l’équipe qui exploite la plateforme : l’exécution quotidienne"
        " `{schedule}` n’a pas abouti.",
        "en": "**These forecasts are old.** The newest is from the evening of {day}, {age} days"
        " ago: it knows nothing of what happened since. Do not plan on these figures without"
        " checking, and tell the team that runs the platform: the daily run `{schedule}`"
        " has not come through.",
    },
    "centre_behind": {
        "fr": "Ce centre a pris du retard : sa dernière prévision est du soir du {day}, celle des"
        " autres du {newest}. Demandez à l’équipe qui exploite la plateforme si ses comptages"
        " arrivent encore.",
        "en": "This centre has fallen behind: its newest forecast is from the evening of {day}, the"
        " others’ from {newest}. Ask the team that runs the platform whether its counts still"
        " arrive.",
    },
    "past": {
        "fr": "Vous regardez une prévision passée : ce qui est venu depuis est dessiné par-dessus.",
        "en": "You are looking at a past forecast: what came since is drawn over it.",
    },
    "empty.title": {"fr": "Aucune prévision pour l’instant.", "en": "No forecasts yet."},
    "empty.body": {
        "fr": "La base de données répond, mais aucune prévision de colis n’y est. L’équipe qui"
        " exploite la plateforme peut en faire avec `make demo` (données simulées) ou"
        " `flow backfill parcels --from 2025-01-01 --to 2025-12-31`.",
        "en": "The database answers, but it holds no parcel forecast. The team that runs the"
        " platform can make some with `make demo` (simulated data) or"
        " `flow backfill parcels --from 2025-01-01 --to 2025-12-31`.",
    },
    "no_centres": {
        "fr": "La liste des centres est vide. Elle vient du fichier des centres (`FLOW_CENTRES`).",
        "en": "The list of centres is empty. It comes from the centres file (`FLOW_CENTRES`).",
    },
    "centre_empty.title": {
        "fr": "Pas encore de prévision pour {centre}.",
        "en": "No forecast for {centre} yet.",
    },
    "centre_empty.body": {
        "fr": "Un centre est prévu dès que ses premiers comptages sont chargés. Choisissez un autre"
        " centre, ou demandez à l’équipe qui exploite la plateforme si les fichiers de celui-ci"
        " arrivent (page « État des données »).",
        "en": "A centre is forecast as soon as its first counts are loaded. Choose another centre,"
        " or ask the team that runs the platform whether this one’s files arrive (page “Data"
        " state”).",
    },
    # The next day in plain words
    "today": {"fr": "Aujourd’hui, {day}", "en": "Today, {day}"},
    "tomorrow": {"fr": "Demain, {day}", "en": "Tomorrow, {day}"},
    "head.label": {"fr": "Prévision pour {day}", "en": "Forecast for {day}"},
    "range": {
        "fr": "8 fois sur 10 entre {lower} et {upper}",
        "en": "8 times out of 10 between {lower} and {upper}",
    },
    "range.none": {"fr": "rien n’est attendu", "en": "nothing is expected"},
    "why": {"fr": "Pourquoi ce chiffre ?", "en": "Why this number?"},
    "why.usual": {
        "fr": "Pour {day}, {prediction} sont prévus. Un même jour de semaine ordinaire, au niveau des"
        " six derniers mois, en compte {usual}. L’écart vient de :",
        "en": "For {day}, {prediction} are forecast. A usual same weekday, at the level of the last"
        " six months, has {usual}. The difference comes from:",
    },
    "why.more": {"fr": "**+ {amount}** : {driver}", "en": "**+ {amount}**: {driver}"},
    "why.less": {"fr": "**− {amount}** : {driver}", "en": "**− {amount}**: {driver}"},
    "why.nothing": {
        "fr": "rien de notable : chaque cause pèse moins de 1 %.",
        "en": "nothing of note: each cause weighs less than 1 %.",
    },
    "driver.calendar": {
        "fr": "calendrier (jours fériés et alentours, vacances, fin de mois)",
        "en": "calendar (public holidays and the days around them, school holidays, month ends)",
    },
    "driver.weather": {"fr": "météo prévue", "en": "the weather forecast"},
    "driver.events": {
        "fr": "opérations et événements connus",
        "en": "campaigns and known events",
    },
    "driver.recent_level": {
        "fr": "activité des derniers jours et semaines",
        "en": "how the last days and weeks ran",
    },
    "driver.trend": {
        "fr": "ce que faisait la même période l’an dernier",
        "en": "what the same time did last year",
    },
    "change.title": {"fr": "Par rapport à {day}", "en": "Against {day}"},
    "change.body": {
        "fr": "{difference} {unit} ({came} étaient venus)",
        "en": "{difference} {unit} ({came} came)",
    },
    "change.missing": {
        "fr": "Pas de comptage ce jour-là : comparaison impossible",
        "en": "No count for that day: nothing to compare with",
    },
    "load.title": {"fr": "Part de la capacité", "en": "Share of capacity"},
    "load.body": {
        "fr": "{capacity} colis par jour ; {upper} au haut de la fourchette",
        "en": "{capacity} parcels a day; {upper} at the top of the range",
    },
    "load.none": {
        "fr": "Capacité du centre non renseignée",
        "en": "The centre’s capacity is not stated",
    },
    "came.title": {"fr": "Ce qui est venu", "en": "What came"},
    "came.inside": {
        "fr": "dans la fourchette ; prévision {error}",
        "en": "inside the range; forecast {error}",
    },
    "came.outside": {
        "fr": "hors de la fourchette ; prévision {error}",
        "en": "outside the range; forecast {error}",
    },
    "came.missing": {"fr": "{absent}", "en": "{absent}"},
    "over": {"fr": "trop haute de {amount}", "en": "too high by {amount}"},
    "under": {"fr": "trop basse de {amount}", "en": "too low by {amount}"},
    "exact": {"fr": "juste", "en": "exact"},
    "tight": {
        "fr": "**Charge élevée.** Plus de {limit} de la capacité est attendu : {days}.",
        "en": "**High load.** More than {limit} of capacity is expected: {days}.",
    },
    "tight_possible": {
        "fr": "Le haut de la fourchette dépasse {limit} de la capacité : {days}.",
        "en": "The top of the range passes {limit} of capacity: {days}.",
    },
    "week": {"fr": "Les 7 prochains jours", "en": "The next 7 days"},
    "week.past": {"fr": "Les 7 jours qui suivaient", "en": "The 7 days that followed"},
    "card.range": {"fr": "{lower} à {upper}", "en": "{lower} to {upper}"},
    "card.load": {"fr": "{share} de la capacité", "en": "{share} of capacity"},
    "card.came": {"fr": "venus : {came}", "en": "came: {came}"},
    "days": {"fr": "À noter dans les 14 jours", "en": "To note in the 14 days"},
    "days.none": {
        "fr": "Ni jour férié, ni événement, ni vacances scolaires dans les 14 jours.",
        "en": "No public holiday, event or school holiday in the 14 days.",
    },
    "days.holiday": {"fr": "jour férié", "en": "public holiday"},
    "days.bridge": {"fr": "pont", "en": "bridge day"},
    "days.event": {"fr": "événement", "en": "event"},
    "days.school": {"fr": "vacances scolaires", "en": "school holidays"},
    "days.span": {"fr": "du {first} au {last}", "en": "{first} to {last}"},
    # Curve
    "curve": {"fr": "Courbe sur 14 jours", "en": "Curve over 14 days"},
    "curve.caption": {
        "fr": "Trait foncé : ce qui est venu. Trait bleu : la prévision du soir du {day}. Bande"
        " foncée : 8 fois sur 10 ; bande claire : 19 fois sur 20.",
        "en": "Dark line: what came. Blue line: the forecast made on the evening of {day}. Darker"
        " band: 8 times out of 10; lighter band: 19 times out of 20.",
    },
    "curve.missing": {
        "fr": " Zone grise : « {absent} », ce qui n’est pas zéro.",
        "en": " Grey strip: “{absent}”, which is not zero.",
    },
    "curve.alt": {
        "fr": "Courbe ({unit}), {centre} : six semaines de chiffres réels, puis 14 jours de"
        " prévision, de {low} à {high} par jour. Les mêmes nombres sont dans le tableau.",
        "en": "Curve of {unit}, {centre}: six weeks of what came, then a 14-day forecast, from"
        " {low} to {high} a day. The same numbers are in the table.",
    },
    "legend.actual": {"fr": "Venus", "en": "Came"},
    "legend.forecast": {"fr": "Prévision", "en": "Forecast"},
    "legend.80": {"fr": "8 fois sur 10", "en": "8 times out of 10"},
    "legend.95": {"fr": "19 fois sur 20", "en": "19 times out of 20"},
    "legend.missing": {"fr": "{absent}", "en": "{absent}"},
    "legend.capacity": {"fr": "Capacité", "en": "Capacity"},
    "legend.outside": {"fr": "Hors fourchette", "en": "Outside the range"},
    "hover.between": {"fr": "{share} : {lower} à {upper}", "en": "{share}: {lower} to {upper}"},
    "axis": {"fr": "Par jour : {unit}", "en": "A day: {unit}"},
    "table": {
        "fr": "Tableau : prévision du soir du {day}, {centre}",
        "en": "Table: forecast made on the evening of {day}, {centre}",
    },
    "table.missing": {"fr": "{absent_short}", "en": "{absent_short}"},
    "table.later": {"fr": "à venir", "en": "to come"},
    # Columns of the tables; the files keep the names of the views
    "column.date": {"fr": "Jour", "en": "Day"},
    "column.centre_id": {"fr": "Centre", "en": "Centre"},
    "column.horizon": {"fr": "Jours d’avance", "en": "Days ahead"},
    "column.prediction": {"fr": "Prévision", "en": "Forecast"},
    "column.lower_80": {"fr": "Bas 80 %", "en": "Low 80%"},
    "column.upper_80": {"fr": "Haut 80 %", "en": "High 80%"},
    "column.lower_95": {"fr": "Bas 95 %", "en": "Low 95%"},
    "column.upper_95": {"fr": "Haut 95 %", "en": "High 95%"},
    "column.actual": {"fr": "Venus", "en": "Came"},
    "column.issued_at": {"fr": "Émise le (UTC)", "en": "Issued (UTC)"},
    "column.model_version": {"fr": "Modèle", "en": "Model"},
    # Forecast against what came
    "compare": {
        "fr": "Ce qui était prévu et ce qui est venu",
        "en": "What was forecast and what came",
    },
    "horizon": {"fr": "Prévu combien de jours à l’avance", "en": "Forecast how many days ahead"},
    "horizon.one": {"fr": "1 jour à l’avance (la veille au soir)", "en": "1 day ahead"},
    "horizon.many": {"fr": "{days} jours à l’avance", "en": "{days} days ahead"},
    "compare.none": {
        "fr": "Sur les 60 derniers jours comptés, rien n’avait été prévu à cette échéance.",
        "en": "Over the newest 60 days with counts, nothing had been forecast that far ahead.",
    },
    "compare.unmeasured": {
        "fr": "Les erreurs de ce centre ne sont pas encore mesurées à cette échéance : elles le"
        " sont quand les comptages des jours prévus arrivent.",
        "en": "This centre’s errors are not measured yet that far ahead: they are when the counts"
        " of the forecast days arrive.",
    },
    "figure.mae": {"fr": "Erreur moyenne par jour", "en": "Mean error a day"},
    "figure.mae.body": {
        "fr": "{unit}, en plus ou en moins (MAE)",
        "en": "{unit}, either way (MAE)",
    },
    "figure.wape": {"fr": "Erreur en part du volume", "en": "Error as a share of volume"},
    "figure.wape.body": {
        "fr": "somme des erreurs / total réel, {unit} (WAPE)",
        "en": "sum of errors / sum of {unit} (WAPE)",
    },
    "figure.bias": {"fr": "Tendance", "en": "Tendency"},
    "figure.bias.high": {
        "fr": "prévoit en général trop haut (biais)",
        "en": "forecasts are on the high side (bias)",
    },
    "figure.bias.low": {
        "fr": "prévoit en général trop bas (biais)",
        "en": "forecasts are on the low side (bias)",
    },
    "figure.bias.none": {
        "fr": "ni trop haut, ni trop bas (biais)",
        "en": "neither high nor low (bias)",
    },
    "figure.coverage": {"fr": "Dans la fourchette", "en": "Inside the range"},
    "figure.coverage.body": {
        "fr": "{inside} jours sur {n} ; promis : {promised}",
        "en": "{inside} days of {n}; promised: {promised}",
    },
    "compare.words": {
        "fr": "Du {first} au {last}, {n} jours comptés. En moyenne, la prévision s’écartait de"
        " {mae} par jour ({unit}), soit {wape} du volume.{mase} {coverage}",
        "en": "From {first} to {last}, {n} days with counts. On average the forecast was off by"
        " {mae} a day ({unit}), that is {wape} of the volume.{mase} {coverage}",
    },
    "compare.mase.better": {
        "fr": " C’est {share} de moins que si l’on répétait le même jour de la semaine précédente.",
        "en": " That is {share} less than repeating the same weekday of the week before.",
    },
    "compare.mase.worse": {
        "fr": " C’est {share} de plus que si l’on répétait le même jour de la semaine précédente.",
        "en": " That is {share} more than repeating the same weekday of the week before.",
    },
    "coverage.right": {
        "fr": "La fourchette tient sa promesse, au hasard près.",
        "en": "The range keeps its promise, within chance.",
    },
    "coverage.narrow": {
        "fr": "La fourchette était trop étroite : gardez une marge.",
        "en": "The range was too narrow: keep a margin.",
    },
    "coverage.wide": {
        "fr": "La fourchette était plus large que nécessaire.",
        "en": "The range was wider than needed.",
    },
    "compare.alt": {
        "fr": "Prévu et venu ({unit}), {centre}, jour par jour, du {first} au {last}. Les"
        " mêmes nombres sont dans le tableau.",
        "en": "Forecast and what came ({unit}), {centre}, day by day, from {first} to"
        " {last}. The same numbers are in the table.",
    },
    "compare.table": {"fr": "Tableau de ces jours", "en": "Table of these days"},
    # How often the range held
    "record": {
        "fr": "Combien de fois la fourchette a-t-elle tenu ?",
        "en": "How often was the range right?",
    },
    "record.none": {
        "fr": "Pas encore mesuré : il faut que les jours prévus soient passés et leurs chiffres"
        " arrivés.",
        "en": "Not measured yet: the forecast days have to pass, and their figures to arrive.",
    },
    "record.right": {
        "fr": "La fourchette tient sa promesse, à {margin} points près : {share} de ce qui est venu"
        " était dedans, pour {promised} promis.",
        "en": "The range keeps its promise, give or take {margin} points: {share} of what came was"
        " inside, {promised} was promised.",
    },
    "record.narrow": {
        "fr": "La fourchette est trop étroite : {share} de ce qui est venu était dedans, pour"
        " {promised} promis. Gardez une marge.",
        "en": "The range is too narrow: {share} of what came was inside, {promised} was promised."
        " Keep a margin.",
    },
    "record.wide": {
        "fr": "La fourchette est plus large que promis : {share} de ce qui est venu était dedans,"
        " pour {promised} promis.",
        "en": "The range is wider than promised: {share} of what came was inside, {promised} was"
        " promised.",
    },
    "record.few": {
        "fr": "{share} de ce qui est venu était dedans, pour {promised} promis : trop peu de"
        " prévisions pour en juger.",
        "en": "{share} of what came was inside, {promised} was promised: too few forecasts to"
        " judge by.",
    },
    "record.counted": {
        "fr": "Mesuré sur {n} prévisions de tous les {places}, pour les jours du {first} au {last} ;"
        " un jour compte autant de fois qu’il a été prévu, jusqu’à 14 soirs de suite.",
        "en": "Measured on {n} forecasts of all {places}, for the days from {first} to {last}; a"
        " day counts as often as it was forecast, on up to 14 evenings.",
    },
    "record.all": {"fr": "Tous les {places}", "en": "All {places}"},
    "record.95": {"fr": "Bande de 19 fois sur 20", "en": "Band of 19 times out of 20"},
    "record.width": {"fr": "Largeur de la fourchette", "en": "Width of the range"},
    "record.width.body": {
        "fr": "de ce qui vient, en moyenne : étroite, elle dit plus",
        "en": "of what comes, on average: a narrow one says more",
    },
    "record.promised.right": {
        "fr": "promis : {promised} ; {n} prévisions",
        "en": "promised: {promised}; {n} forecasts",
    },
    "record.promised.narrow": {
        "fr": "trop étroite ; promis : {promised} ; {n} prévisions",
        "en": "too narrow; promised: {promised}; {n} forecasts",
    },
    "record.promised.wide": {
        "fr": "plus large que promis : {promised} ; {n} prévisions",
        "en": "wider than promised: {promised}; {n} forecasts",
    },
    "record.promised.few": {
        "fr": "promis : {promised} ; {n} prévisions, trop peu pour juger",
        "en": "promised: {promised}; {n} forecasts, too few to judge",
    },
    "record.by.overall": {"fr": "En tout", "en": "Overall"},
    "record.by.horizon": {"fr": "Par nombre de jours à l’avance", "en": "By days ahead"},
    "record.by.weekday": {
        "fr": "Par jour de la semaine prévu",
        "en": "By weekday of the day forecast",
    },
    "record.by.centre": {"fr": "Par {place}", "en": "By {place}"},
    "record.hover": {
        "fr": "<b>{what}</b><br>{share} dans la fourchette<br>{n} prévisions",
        "en": "<b>{what}</b><br>{share} inside the range<br>{n} forecasts",
    },
    "record.alt": {
        "fr": "{by} : part des prévisions dont la fourchette a tenu, de {low} à {high}. Les mêmes"
        " nombres sont dans le tableau.",
        "en": "{by}: share of forecasts whose range held, from {low} to {high}. The same numbers"
        " are in the table.",
    },
    "record.line": {
        "fr": "Une barre : la part de ce qui est venu dans la fourchette, en %, pour tous les"
        " {places}. Trait pointillé : les {promised} promis.",
        "en": "A bar: the share of what came inside the range, in %, for all {places}. Dashed line:"
        " the {promised} promised.",
    },
    "record.pale": {
        "fr": " Barre pâle : moins de {enough} prévisions, trop peu pour juger.",
        "en": " Pale bar: fewer than {enough} forecasts, too few to judge.",
    },
    "record.few_marked": {"fr": "{n} (peu)", "en": "{n} (few)"},
    "record.table": {
        "fr": "Tableau, avec chaque {place}",
        "en": "Table, with each {place}",
    },
    "column.cut": {"fr": "Découpage", "en": "Cut"},
    "column.key": {"fr": "Lequel", "en": "Which"},
    "column.forecasts": {"fr": "Prévisions", "en": "Forecasts"},
    "column.coverage_95": {"fr": "Dans 95 %", "en": "Inside 95%"},
    "column.mean_width_80": {"fr": "Largeur 80 %", "en": "Width 80%"},
    "sure": {"fr": "Peut-on s’y fier ?", "en": "How sure are we?"},
    "sure.body": {
        "fr": "**Ce que dit une fourchette.** « 8 fois sur 10 entre {lower} et {upper} » : sur dix"
        " jours comme celui-ci, huit tombent dans la fourchette et deux en dehors, au-dessus ou"
        " au-dessous. La bande claire de la courbe est faite pour 19 jours sur 20.\n\n"
        "**D’où elle vient.** Des erreurs que le modèle a vraiment faites sur des jours qu’il"
        " n’avait pas vus, à la même échéance : plus on prévoit loin, plus elle est large"
        " (calibration conforme).\n\n"
        "**Comment on vérifie.** Chaque jour, ce qui est venu est comparé à ce qui avait été dit,"
        " sans rien corriger après coup. {measured}\n\n"
        "**Ce que la prévision savait.** Seulement ce qui était connu au soir de l’émission : les"
        " comptages reçus, le calendrier, les événements annoncés, la météo prévue ce soir-là.\n\n"
        "**Modèle.** {model}",
        "en": "**What a range says.** “8 times out of 10 between {lower} and {upper}”: of ten days"
        " like this one, eight fall inside and two outside, above or below. The lighter band of the"
        " curve is made for 19 days out of 20.\n\n"
        "**Where it comes from.** From the errors the model really made on days it had not seen, as"
        " far ahead: the farther, the wider (conformal calibration).\n\n"
        "**How it is checked.** Every day, what came is held against what had been said, and"
        " nothing is corrected afterwards. {measured}\n\n"
        "**What the forecast knew.** Only what was known on the evening it was made: counts"
        " received, the calendar, announced events, the weather as forecast that evening.\n\n"
        "**Model.** {model}",
    },
    "sure.measured": {
        "fr": "Ici, {share} des {n} derniers jours comptés étaient dans la fourchette promise à"
        " {promised}.",
        "en": "Here {share} of the newest {n} days with counts were inside the range promised at"
        " {promised}.",
    },
    "sure.unmeasured": {
        "fr": "Pour ce centre, ce n’est pas encore mesuré.",
        "en": "For this centre it is not measured yet.",
    },
    "model.version": {
        "fr": "Version `{version}`.",
        "en": "Version `{version}`.",
    },
    "model.fallback": {
        "fr": "Repli (`{version}`) : trop peu d’historique pour un modèle appris ; la prévision"
        " s’appuie sur les mêmes jours des semaines passées.",
        "en": "Fallback (`{version}`): too little history for a trained model; the forecast rests"
        " on the same weekdays of past weeks.",
    },
    # Page Retail
    "retail.title": {"fr": "Boutique", "en": "Retail"},
    "measure": {"fr": "Mesure", "en": "Measure"},
    "retail.empty.body": {
        "fr": "La base de données répond, mais aucune prévision de la boutique n’y est. L’équipe qui"
        " exploite la plateforme peut en faire avec"
        " `flow backfill retail --from 2025-01-01 --to 2025-12-31`.",
        "en": "The database answers, but it holds no retail forecast. The team that runs the"
        " platform can make some with `flow backfill retail --from 2025-01-01 --to 2025-12-31`.",
    },
    "retail.no_centres": {
        "fr": "La liste des pays est vide : ils viennent des fichiers de la section `[retail]`.",
        "en": "The list of countries is empty: they come from the files of the section `[retail]`.",
    },
    "retail.centre": {"fr": "Pays", "en": "Country"},
    "retail.next": {"fr": "Premier jour prévu, {day}", "en": "First day forecast, {day}"},
    "retail.closed": {"fr": "Jours de fermeture", "en": "Closed days"},
    "retail.closed.none": {
        "fr": "Aucun jour de fermeture dans la période affichée.",
        "en": "No closed day in the days shown.",
    },
    "retail.closed.note": {
        "fr": "Un jour de fermeture n’a pas de chiffre : ce n’est pas zéro. Un jour de semaine où la"
        " boutique n’a rien vendu depuis 8 semaines n’est pas prévu.",
        "en": "A closed day has no number: that is not zero. A weekday on which the shop has sold"
        " nothing for 8 weeks is not forecast.",
    },
    "retail.returns": {"fr": "Retours", "en": "Returns"},
    "retail.returns.quantity": {"fr": "Articles rendus", "en": "Pieces returned"},
    "retail.returns.revenue": {"fr": "Montant remboursé", "en": "Revenue returned"},
    "retail.returns.body": {
        "fr": "{returned} pour {sold} vendus, du {first} au {last}",
        "en": "{returned} of {sold} sold, {first} to {last}",
    },
    "retail.returns.none": {
        "fr": "Aucune vente dans les 60 derniers jours.",
        "en": "No sales in the newest 60 days.",
    },
    "retail.leaderboard": {"fr": "Classement des modèles", "en": "Leaderboard of models"},
    "retail.leaderboard.body": {
        "fr": "Erreurs à l’essai (origines glissantes) avant {month} ; le modèle en service est"
        " marqué. La MAPE laisse de côté les jours à zéro.",
        "en": "Errors in the backtest (rolling origins) before {month}; the model in use is marked."
        " MAPE leaves out days of zero.",
    },
    "retail.leaderboard.none": {
        "fr": "Aucun modèle appris pour l’instant : il faut deux mois d’historique.",
        "en": "No trained model yet: it takes two months of history.",
    },
    "champion": {"fr": "en service", "en": "in use"},
    "column.candidate": {"fr": "Modèle", "en": "Model"},
    "column.mase": {"fr": "MASE", "en": "MASE"},
    "column.rmse": {"fr": "RMSE", "en": "RMSE"},
    "column.mae": {"fr": "MAE", "en": "MAE"},
    "column.mape": {"fr": "MAPE", "en": "MAPE"},
    "column.coverage_80": {"fr": "Dans 80 %", "en": "Inside 80%"},
    "column.is_champion": {"fr": "Service", "en": "Use"},
    "column.reason": {"fr": "Pourquoi", "en": "Why"},
    "column.day": {"fr": "Jour", "en": "Day"},
    # Page Road traffic; `key@hour` is what an hourly flow says in place of `key`
    "traffic.title": {"fr": "Trafic routier", "en": "Road traffic"},
    "unit.vehicles": {"fr": "véhicules", "en": "vehicles"},
    "absent.traffic": {"fr": "Aucun relevé reçu", "en": "No reading received"},
    "absent.short.traffic": {"fr": "aucun relevé", "en": "no reading"},
    "place.traffic": {"fr": "compteur", "en": "counter"},
    "places.traffic": {"fr": "compteurs", "en": "counters"},
    "level.fluid": {"fr": "fluide", "en": "flowing"},
    "level.dense": {"fr": "dense", "en": "dense"},
    "level.saturated": {"fr": "saturé", "en": "saturated"},
    "level.blocked": {"fr": "bloqué", "en": "blocked"},
    "level.none": {"fr": "niveau inconnu", "en": "level unknown"},
    "age.minutes": {"fr": "{n} min", "en": "{n} min"},
    "age.hour": {"fr": "1 heure", "en": "1 hour"},
    "age.hours": {"fr": "{n} heures", "en": "{n} hours"},
    "age.days": {"fr": "{n} jours", "en": "{n} days"},
    "traffic.empty.body": {
        "fr": "La base de données répond, mais aucune prévision de trafic n’y est. L’équipe qui"
        " exploite la plateforme peut en faire avec"
        " `flow backfill traffic --from 2025-01-01 --to 2025-01-31`.",
        "en": "The database answers, but it holds no traffic forecast. The team that runs the"
        " platform can make some with `flow backfill traffic --from 2025-01-01 --to 2025-01-31`.",
    },
    "traffic.no_centres": {
        "fr": "La liste des compteurs est vide : ils viennent de la section `[traffic]` des sources.",
        "en": "The list of counters is empty: they come from the section `[traffic]` of the sources.",
    },
    "traffic.counter": {"fr": "Compteur", "en": "Counter"},
    "issue@hour": {"fr": "Prévision faite le", "en": "Forecast made on"},
    "issue.hour": {"fr": "à", "en": "at"},
    "issue.unknown@hour": {
        "fr": "Aucune prévision n’a été faite à « {asked} », que demande l’adresse : voici la plus"
        " récente.",
        "en": "No forecast was made at “{asked}” as the address asks: this is the newest.",
    },
    "unknown.centre@hour": {
        "fr": "Le compteur « {asked} » de l’adresse n’existe pas : voici {shown}.",
        "en": "There is no counter “{asked}” as the address says: this is {shown}.",
    },
    "stamp@hour": {
        "fr": "Dernière heure comptée : {actual} · dernière prévision : {issue} · modèle : {model}",
        "en": "Newest hour counted: {actual} · newest forecast: {issue} · model: {model}",
    },
    "stamp.known": {"fr": "{hour}, connue le {known}", "en": "{hour}, known since {known}"},
    "stamp.live": {
        "fr": " · en direct : dernier message il y a {age}",
        "en": " · live: last message {age} ago",
    },
    "stale@hour": {
        "fr": "**Ces prévisions datent.** La plus récente a été faite le {day}, il y a {age} : elle"
        " ignore ce qui s’est passé depuis. Ne décidez pas sur ces chiffres sans les vérifier, et"
        " prévenez l’équipe qui exploite la plateforme : l’exécution horaire `{schedule}` n’a pas"
        " abouti.",
        "en": "**These forecasts are old.** The newest was made on {day}, {age} ago: it knows"
        " nothing of what happened since. Do not decide on these figures without checking, and tell"
        " the team that runs the platform: the hourly run `{schedule}` has not come through.",
    },
    "traffic.late": {
        "fr": "**Les relevés sont en retard.** La dernière heure comptée a plus de {age} : la"
        " prévision repose sur ce qui est habituel à cette heure, et non sur ce qui se passe en ce"
        " moment. Un incident en cours peut lui échapper.",
        "en": "**The readings are late.** The newest hour counted is more than {age} old: the"
        " forecast rests on what is usual at this hour, not on what is happening now. It may miss"
        " an incident under way.",
    },
    "centre_behind@hour": {
        "fr": "Ce compteur n’est pas dans cette prévision : la dernière qui parle de lui est du"
        " {day}. Demandez à l’équipe qui exploite la plateforme si ses relevés arrivent encore.",
        "en": "This counter is not in this forecast: the newest that speaks of it is from {day}."
        " Ask the team that runs the platform whether its readings still arrive.",
    },
    "traffic.never": {
        "fr": "Ce compteur n’a encore jamais été prévu : il faut des relevés des quatre dernières"
        " semaines. Choisissez un autre compteur, ou demandez à l’équipe qui exploite la plateforme"
        " si ses relevés arrivent.",
        "en": "This counter has never been forecast yet: it takes readings from the last four"
        " weeks. Choose another counter, or ask the team that runs the platform whether its"
        " readings arrive.",
    },
    "traffic.this_hour": {"fr": "Heure en cours : {hour}", "en": "This hour: {hour}"},
    "traffic.next_hour": {"fr": "Prochaine heure : {hour}", "en": "Next hour: {hour}"},
    "traffic.of": {"fr": "{n} sur {all}", "en": "{n} of {all}"},
    "traffic.congested": {
        "fr": "compteurs où le trafic ne sera pas fluide ({counts})",
        "en": "counters where traffic will not flow freely ({counts})",
    },
    "traffic.levels.none": {
        "fr": "Niveau inconnu : ces compteurs ne donnent pas de taux d’occupation",
        "en": "Level unknown: these counters report no occupancy",
    },
    "traffic.busiest": {"fr": "Le plus chargé", "en": "Busiest counter"},
    "traffic.vehicles": {"fr": "{n} véhicules", "en": "{n} vehicles"},
    "traffic.silent": {
        "fr": "Sans relevé dans les 3 heures d’avant la prévision",
        "en": "No reading in the 3 hours before the forecast",
    },
    "traffic.silent.none": {"fr": "tous ont compté", "en": "all have counted"},
    "traffic.and_more": {"fr": "{names} et {n} autres", "en": "{names} and {n} others"},
    "traffic.no_issue": {"fr": "pas dans cette prévision", "en": "not in this forecast"},
    "traffic.map": {"fr": "Où, {hour}", "en": "Where, {hour}"},
    "traffic.map.none": {
        "fr": "Pas de carte : aucun de ces compteurs n’a de coordonnées (les fichiers annuels de"
        " Paris n’en donnent pas). Les voici en liste.",
        "en": "No map: none of these counters has coordinates (the yearly files of Paris give none)."
        " Here they are as a list.",
    },
    "traffic.map.some": {
        "fr": "Sans coordonnées, donc seulement dans cette liste : {n}.",
        "en": "Without coordinates, so in this list only: {n}.",
    },
    "traffic.map.alt": {
        "fr": "Carte de {n} compteurs, chacun marqué du niveau de trafic prévu. La liste dit la même"
        " chose.",
        "en": "Map of {n} counters, each marked by the traffic level expected. The list says the"
        " same.",
    },
    "traffic.map.caption": {
        "fr": "Nord en haut ; un carreau fait {km} km. Forme, taille et couleur disent le niveau"
        " prévu ; le compteur choisi est cerclé. Cliquez sur un compteur pour le choisir.",
        "en": "North is up; a square is {km} km wide. Shape, size and colour tell the level"
        " expected; the chosen counter is ringed. Click a counter to choose it.",
    },
    "traffic.list": {
        "fr": "Liste des compteurs, les plus chargés d’abord",
        "en": "List of counters, the worst first",
    },
    "traffic.search": {
        "fr": "Chercher un compteur (nom ou numéro)",
        "en": "Search a counter (name or number)",
    },
    "traffic.listed": {
        "fr": "{shown} compteurs sur {found}, les plus chargés d’abord.",
        "en": "{shown} of {found} counters, the worst first.",
    },
    "traffic.first": {
        "fr": "{hour} : **{n} véhicules** prévus, {range} ; trafic attendu : **{level}**.",
        "en": "{hour}: **{n} vehicles** expected, {range}; expected traffic: **{level}**.",
    },
    "curve@hour": {"fr": "{centre}, heure par heure", "en": "{centre}, hour by hour"},
    "curve.caption@hour": {
        "fr": "Trait foncé : ce qui a été compté. Trait bleu : la prévision du {day} (ligne"
        " verticale), ses marques disant le niveau attendu. Bande foncée : 8 fois sur 10 ; bande"
        " claire : 19 fois sur 20.",
        "en": "Dark line: what was counted. Blue line: the forecast made on {day} (vertical line),"
        " its marks telling the level expected. Darker band: 8 times out of 10; lighter band: 19"
        " times out of 20.",
    },
    "curve.alt@hour": {
        "fr": "Courbe ({unit}), {centre} : les 24 heures d’avant la prévision, puis les 24 heures"
        " prévues, de {low} à {high} par heure. Les mêmes nombres sont dans le tableau.",
        "en": "Curve of {unit}, {centre}: the 24 hours before the forecast, then the 24 hours"
        " forecast, from {low} to {high} an hour. The same numbers are in the table.",
    },
    "axis@hour": {"fr": "Par heure : {unit}", "en": "An hour: {unit}"},
    "legend.actual@hour": {"fr": "Comptés", "en": "Counted"},
    "table@hour": {
        "fr": "Tableau : prévision du {day}, {centre}",
        "en": "Table: forecast made on {day}, {centre}",
    },
    "table.barred": {"fr": "voie fermée", "en": "road closed"},
    "table.invalid": {"fr": "relevé écarté", "en": "reading rejected"},
    "column.target_at": {"fr": "Heure locale", "en": "Local hour"},
    "column.level": {"fr": "Niveau prévu", "en": "Level"},
    "column.horizon@hour": {"fr": "Heures d’avance", "en": "Hours ahead"},
    "column.centre_id@hour": {"fr": "Compteur", "en": "Counter"},
    "column.actual@hour": {"fr": "Comptés", "en": "Counted"},
    "column.counter": {"fr": "Compteur", "en": "Counter"},
    "column.last_counted": {"fr": "Dernier relevé", "en": "Last reading"},
    "column.n": {"fr": "Prévisions", "en": "Forecasts"},
    "column.mae@hour": {"fr": "Notre erreur", "en": "Our error"},
    "column.persistence_mae": {"fr": "« Comme maintenant »", "en": "“As now”"},
    "column.week_before_mae": {
        "fr": "« Comme il y a une semaine »",
        "en": "“As a week before”",
    },
    "horizon.one@hour": {"fr": "1 heure à l’avance", "en": "1 hour ahead"},
    "horizon.many@hour": {"fr": "{days} heures à l’avance", "en": "{days} hours ahead"},
    "compare.unmeasured@hour": {
        "fr": "Les erreurs de ce compteur ne sont pas encore mesurées : elles le sont quand les"
        " relevés des heures prévues arrivent.",
        "en": "This counter’s errors are not measured yet: they are when the readings of the hours"
        " forecast arrive.",
    },
    "errors": {
        "fr": "De combien la prévision s’est-elle trompée ?",
        "en": "How far off were we?",
    },
    "errors.words": {
        "fr": "{centre}, du {first} au {last} : écart moyen entre prévision et comptage, en"
        " véhicules par heure, et ce qu’auraient fait deux règles sans modèle : répéter la dernière"
        " heure connue (« comme maintenant »), ou la même heure de la semaine d’avant.",
        "en": "{centre}, {first} to {last}: the mean gap between forecast and count, in vehicles an"
        " hour, and what two rules without a model would have done: repeat the last hour known (“as"
        " now”), or the same hour of the week before.",
    },
    "errors.off": {"fr": "± {mae}", "en": "± {mae}"},
    "errors.now.less": {
        "fr": "{share} de moins que « comme maintenant ».",
        "en": "{share} less than “as now”.",
    },
    "errors.now.more": {
        "fr": "{share} de plus que « comme maintenant ».",
        "en": "{share} more than “as now”.",
    },
    "errors.now.same": {
        "fr": "Autant que « comme maintenant ».",
        "en": "The same as “as now”.",
    },
    "errors.week.less": {
        "fr": "{share} de moins que la semaine d’avant.",
        "en": "{share} less than the week before.",
    },
    "errors.week.more": {
        "fr": "{share} de plus que la semaine d’avant.",
        "en": "{share} more than the week before.",
    },
    "errors.week.same": {
        "fr": "Autant que la semaine d’avant.",
        "en": "The same as the week before.",
    },
    "errors.mae": {"fr": "Nos prévisions", "en": "Our forecasts"},
    "errors.persistence_mae": {"fr": "« Comme maintenant »", "en": "“As now”"},
    "errors.week_before_mae": {
        "fr": "« Comme il y a une semaine »",
        "en": "“As a week before”",
    },
    "errors.axis": {"fr": "Erreur moyenne (véhicules)", "en": "Mean error (vehicles)"},
    "errors.alt": {
        "fr": "Erreur moyenne par heures d’avance, {centre} : {first} véhicules 1 heure à l’avance,"
        " {last} à {hours} heures. Les mêmes nombres sont dans le tableau.",
        "en": "Mean error by hours ahead, {centre}: {first} vehicles 1 hour ahead, {last} at {hours}"
        " hours. The same numbers are in the table.",
    },
    "errors.caption": {
        "fr": "Plus bas, c’est mieux. L’erreur moyenne absolue (MAE) est celle des 60 derniers jours"
        " qui ont des relevés.",
        "en": "Lower is better. The mean absolute error (MAE) is that of the newest 60 days with"
        " readings.",
    },
    "errors.table": {"fr": "Tableau des erreurs", "en": "Table of errors"},
    "record.none@hour": {
        "fr": "Pas encore mesuré : il faut que les heures prévues soient passées et leurs relevés"
        " arrivés.",
        "en": "Not measured yet: the forecast hours have to pass, and their readings to arrive.",
    },
    "record.counted@hour": {
        "fr": "Mesuré sur {n} prévisions de tous les {places}, pour les jours du {first} au {last} ;"
        " une heure compte autant de fois qu’elle a été prévue, jusqu’à 24 fois.",
        "en": "Measured on {n} forecasts of all {places}, for the days from {first} to {last}; an"
        " hour counts as often as it was forecast, up to 24 times.",
    },
    "record.by.horizon@hour": {"fr": "Par nombre d’heures à l’avance", "en": "By hours ahead"},
    "record.lowest": {
        "fr": "Les {shown} {places} où la fourchette a le moins tenu, sur {all}.",
        "en": "The {shown} {places} whose range held least, of {all}.",
    },
    "traffic.credit": {
        "fr": "Relevés des compteurs parisiens : Ville de Paris, sous licence [ODbL]({url}).",
        "en": "Readings of Paris counters: Ville de Paris, under the [ODbL]({url}) licence.",
    },
    "traffic.simulated": {
        "fr": "Données simulées : ces compteurs et ces relevés n’existent pas.",
        "en": "Simulated data: these counters and readings do not exist.",
    },
    # Page Trips; `key@trip` is what a flow of trips says in place of `key`
    "trips.title": {"fr": "Courses", "en": "Trips"},
    "trips.no_centres": {
        "fr": "La liste des arrondissements est vide : ils viennent du fichier des zones de la section `[trips]` des sources.",
        "en": "The list of boroughs is empty: they come from the zones file of the section `[trips]` of the sources.",
    },
    "trips.empty.title": {"fr": "Aucune course pour l’instant.", "en": "No trips yet."},
    "trips.empty.body": {
        "fr": "La base de données répond, mais aucune course n’y est. L’équipe qui exploite la plateforme peut en charger avec `flow backfill trips --from 2025-01-01 --to 2025-02-28`.",
        "en": "The database answers, but it holds no trip. The team that runs the platform can load some with `flow backfill trips --from 2025-01-01 --to 2025-02-28`.",
    },
    "trips.borough": {"fr": "Arrondissement de départ", "en": "Borough of the pickup"},
    "trips.all": {"fr": "Tous les arrondissements", "en": "All boroughs"},
    "unknown.centre@trip": {
        "fr": "L’arrondissement « {asked} » de l’adresse n’existe pas : voici {shown}.",
        "en": "There is no borough “{asked}” as the address says: this is {shown}.",
    },
    "trips.period": {"fr": "Période", "en": "Period"},
    "trips.days": {"fr": "Les {n} derniers jours", "en": "The newest {n} days"},
    "trips.stamp": {
        "fr": "Courses du {first} au {last} (jours UTC) · dernière course : {newest} · dernières durées annoncées : {scored} · modèle : {model}",
        "en": "Trips from {first} to {last} (UTC days) · newest trip: {newest} · newest times said: {scored} · model: {model}",
    },
    "trips.stale": {
        "fr": "**Ces courses datent.** La plus récente est du {day}, il y a {age} jours : cette page ne dit rien de ce qui s’est passé depuis. Certaines villes ne publient leurs courses qu’après des semaines ; sinon, prévenez l’équipe qui exploite la plateforme.",
        "en": "**These trips are old.** The newest is from {day}, {age} days ago: this page says nothing of what happened since. Some cities publish their trips only after weeks; if yours does not, tell the team that runs the platform.",
    },
    "trips.unscored": {
        "fr": "Les courses d’après le {day} n’ont pas encore de durée annoncée : les erreurs ci-dessous ne les comptent pas.",
        "en": "The trips after {day} have no time said yet: the errors below do not count them.",
    },
    "trips.unscored.all": {
        "fr": "Aucune course n’a encore de durée annoncée : durées et nombres sont là, les erreurs non.",
        "en": "No trip has a time said yet: durations and counts are here, errors are not.",
    },
    "trips.fallback": {
        "fr": "**Une partie des durées vient du repli** ({shares} des courses) : aucun modèle n’avait encore été appris avant ces jours-là, une simple moyenne a parlé. Les erreurs ci-dessous sont en partie les siennes.",
        "en": "**Some of the times come from the fallback** ({shares} of the trips): no model had been trained before those days yet, a plain mean spoke. The errors below are partly its own.",
    },
    "trips.none": {
        "fr": "Aucune course n’a commencé ici du {first} au {last} : {place}. Choisissez une période plus longue ou un autre arrondissement.",
        "en": "No trip began here from {first} to {last}: {place}. Choose a longer period or another borough.",
    },
    "trips.kpi": {"fr": "{place}, du {first} au {last}", "en": "{place}, {first} to {last}"},
    "trips.kpi.minutes": {"fr": "Durée moyenne d’une course", "en": "Mean duration of a trip"},
    "trips.kpi.trips": {"fr": "Courses", "en": "Trips"},
    "trips.kpi.error": {
        "fr": "Erreur typique de la durée annoncée",
        "en": "Typical error of the time said",
    },
    "trips.kpi.inside": {
        "fr": "Durée réelle dans la fourchette",
        "en": "Real time inside the range",
    },
    "trips.kpi.promised": {"fr": "promis : {promised}", "en": "promised: {promised}"},
    "trips.kpi.unscored": {"fr": "pas encore mesurée", "en": "not measured yet"},
    "trips.kpi.before": {
        "fr": "Écarts : par rapport à la période d’avant, du {first} au {last}. L’erreur typique est l’écart absolu moyen (MAE) du modèle sans distance prévue.",
        "en": "Changes are against the period before, {first} to {last}. The typical error is the mean absolute error (MAE) of the model without a planned distance.",
    },
    "trips.kpi.no_before": {
        "fr": "Pas de comparaison avec la période d’avant : les courses ne commencent que le {day}. L’erreur typique est l’écart absolu moyen (MAE) du modèle sans distance prévue.",
        "en": "No comparison with the period before: trips begin only on {day}. The typical error is the mean absolute error (MAE) of the model without a planned distance.",
    },
    "trips.change.more": {"fr": "{amount} de plus", "en": "{amount} more"},
    "trips.change.less": {"fr": "{amount} de moins", "en": "{amount} less"},
    "trips.change.none": {"fr": "inchangé", "en": "unchanged"},
    "trips.points": {"fr": "{n} points", "en": "{n} points"},
    "trips.minutes": {"fr": "{n} min", "en": "{n} min"},
    "trips.off": {"fr": "± {n} min", "en": "± {n} min"},
    "trips.when": {
        "fr": "Quand les courses durent-elles plus longtemps ?",
        "en": "When do trips take longer?",
    },
    "trips.when.words": {
        "fr": "En semaine, les courses les plus longues partent vers **{slow}** ({slow_minutes} min en moyenne), les plus courtes vers **{quick}** ({quick_minutes} min).",
        "en": "From Monday to Friday the longest trips begin around **{slow}** ({slow_minutes} min on average), the shortest around **{quick}** ({quick_minutes} min).",
    },
    "trips.by.hour": {
        "fr": "Durée moyenne selon l’heure de départ",
        "en": "Mean duration by hour of the pickup",
    },
    "trips.by.weekday": {"fr": "Durée moyenne selon le jour", "en": "Mean duration by weekday"},
    "trips.weekday": {"fr": "Lundi à vendredi", "en": "Monday to Friday"},
    "trips.weekend": {"fr": "Week-end", "en": "Weekend"},
    "trips.local": {
        "fr": "Heures et jours de la ville, au départ de la course.",
        "en": "Hours and weekdays are the city’s, when the trip begins.",
    },
    "trips.axis": {"fr": "Minutes", "en": "Minutes"},
    "trips.axis.said": {"fr": "Minutes annoncées (moyenne)", "en": "Minutes said (mean)"},
    "trips.axis.came": {"fr": "Minutes réelles (moyenne)", "en": "Real minutes (mean)"},
    "trips.hover.hour": {
        "fr": "<b>{hour}</b>, {when}<br>{minutes} min en moyenne<br>{n} courses",
        "en": "<b>{hour}</b>, {when}<br>{minutes} min on average<br>{n} trips",
    },
    "trips.hover.weekday": {
        "fr": "<b>{day}</b><br>{minutes} min en moyenne<br>{n} courses",
        "en": "<b>{day}</b><br>{minutes} min on average<br>{n} trips",
    },
    "trips.hover.step": {
        "fr": "<b>{model}</b><br>annoncé : {said} min, réel : {came} min<br>{share} dans la fourchette<br>{n} courses",
        "en": "<b>{model}</b><br>said: {said} min, real: {came} min<br>{share} inside the range<br>{n} trips",
    },
    "trips.alt.hour": {
        "fr": "Durée moyenne par heure de départ, {place} : de {low} à {high} minutes. Les mêmes nombres sont dans le tableau.",
        "en": "Mean duration by hour of the pickup, {place}: from {low} to {high} minutes. The same numbers are in the table.",
    },
    "trips.alt.weekday": {
        "fr": "Durée moyenne par jour de la semaine, {place}, en minutes : {days}.",
        "en": "Mean duration by weekday, {place}, in minutes: {days}.",
    },
    "trips.alt.real": {
        "fr": "Minutes réelles selon les minutes annoncées, en {n} tranches : l’écart est de {off} minutes au plus. Les mêmes nombres sont dans le tableau.",
        "en": "Real minutes by the minutes said, in {n} steps: they are at most {off} minutes apart. The same numbers are in the table.",
    },
    "trips.hours.table": {"fr": "Tableau des heures", "en": "Table of hours"},
    "trips.pairs": {"fr": "Les trajets les plus fréquents", "en": "The busiest routes"},
    "trips.pairs.body": {
        "fr": "Les {n} trajets de zone à zone qui ont eu le plus de courses ; l’erreur typique est celle du modèle sans distance prévue.",
        "en": "The {n} zone-to-zone routes with most trips; the typical error is that of the model without a planned distance.",
    },
    "trips.models": {"fr": "Que vaut la durée annoncée ?", "en": "How good is the time said?"},
    "trips.models.none": {
        "fr": "Pas encore mesuré : aucune course du {first} au {last} n’a de durée annoncée ({place}).",
        "en": "Not measured yet: no trip from {first} to {last} has a time said ({place}).",
    },
    "trips.models.less": {
        "fr": "Sans distance prévue, le modèle se trompe de **{plain} min** en moyenne. Avec la distance d’un itinéraire, l’erreur est de **{planned} min** : {share} de moins.",
        "en": "Without a planned distance the model is off by **{plain} min** on average. Told the distance of a route, it is off by **{planned} min**: {share} less.",
    },
    "trips.models.same": {
        "fr": "Sans distance prévue, le modèle se trompe de **{plain} min** en moyenne ; avec la distance d’un itinéraire, de **{planned} min** : elle n’apporte rien ici.",
        "en": "Without a planned distance the model is off by **{plain} min** on average; told the distance of a route, by **{planned} min**: it adds nothing here.",
    },
    "trips.models.body": {
        "fr": "Chaque durée a été annoncée par un modèle appris avant le jour de la course. RMSE : une erreur moyenne où les grosses erreurs pèsent plus. R² : la part des différences de durée que le modèle explique, 1 étant parfait et 0 pas mieux que la durée moyenne. Dans la fourchette : la part des courses dont la durée réelle y était, {promised} étant promis ; plus la fourchette est étroite, plus elle est utile.",
        "en": "Each time was said by a model trained before the day of the trip. RMSE: a mean error in which large errors weigh more. R²: the share of the differences between trips that the model explains; 1 is perfect, 0 no better than the mean duration. Inside the range: the share of trips whose real time was in it, {promised} being promised; the narrower the range, the more useful.",
    },
    "trips.model.default": {"fr": "Sans distance prévue", "en": "Without planned distance"},
    "trips.model.planned_distance": {"fr": "Avec distance prévue", "en": "With planned distance"},
    "trips.diagonal": {"fr": "Annoncé = réel", "en": "Said = real"},
    "trips.real": {"fr": "Annoncé contre réel", "en": "Said against real"},
    "trips.real.body": {
        "fr": "Chaque point réunit les courses dont la durée annoncée tombe dans la même tranche de 5 minutes (à partir de 60 minutes, une seule tranche). Au-dessus de la ligne, elles ont duré plus longtemps qu’annoncé ; au-dessous, moins.",
        "en": "Each mark stands for the trips whose time said falls into the same step of 5 minutes (one step from 60 minutes on). Above the line they took longer than said; below it, less.",
    },
    "trips.real.pale": {
        "fr": " Pâle : moins de {enough} courses.",
        "en": " Pale: fewer than {enough} trips.",
    },
    "trips.real.table": {"fr": "Tableau des tranches", "en": "Table of steps"},
    "trips.simulated": {
        "fr": "Données simulées : ces courses n’ont pas eu lieu.",
        "en": "Simulated data: these trips did not take place.",
    },
    "download.note@trip": {
        "fr": "Le tableau arrondit. Les fichiers ont les mêmes lignes et colonnes, sans arrondi (UTF-8, virgule, point décimal).",
        "en": "The table rounds. The files have the same rows and columns, unrounded (UTF-8, comma, decimal point).",
    },
    "column.local_hour": {"fr": "Heure", "en": "Hour"},
    "column.weekday_minutes": {"fr": "Min, lun.–ven.", "en": "Min, Mon–Fri"},
    "column.weekday_trips": {"fr": "Courses, lun.–ven.", "en": "Trips, Mon–Fri"},
    "column.weekend_minutes": {"fr": "Min, week-end", "en": "Min, weekend"},
    "column.weekend_trips": {"fr": "Courses, week-end", "en": "Trips, weekend"},
    "column.pickup": {"fr": "De", "en": "From"},
    "column.dropoff": {"fr": "À", "en": "To"},
    "column.trips": {"fr": "Courses", "en": "Trips"},
    "column.mean_minutes": {"fr": "Durée moyenne (min)", "en": "Mean duration (min)"},
    "column.mean_distance_km": {"fr": "Distance parcourue (km)", "en": "Driven (km)"},
    "column.trip_mae": {"fr": "Erreur typique (min)", "en": "Typical error (min)"},
    "column.model": {"fr": "Modèle", "en": "Model"},
    "column.rmse@trip": {"fr": "RMSE (min)", "en": "RMSE (min)"},
    "column.r2": {"fr": "R²", "en": "R²"},
    "column.coverage_80@trip": {"fr": "Dans la fourchette", "en": "Inside the range"},
    "column.mean_width_80@trip": {"fr": "Largeur (min)", "en": "Width (min)"},
    "column.from_minutes": {"fr": "Annoncé, à partir de (min)", "en": "Said, from (min)"},
    "column.mean_predicted": {"fr": "Annoncé (min)", "en": "Said (min)"},
    "column.mean_actual": {"fr": "Réel (min)", "en": "Real (min)"},
    # Pages Deliveries desk and Customers; `key@order` is what they say in place of `key`
    "desk.title": {"fr": "Suivi des livraisons", "en": "Deliveries desk"},
    "desk.no_centres": {
        "fr": "La liste des régions est vide : elles viennent des commandes de la section `[deliveries]` des sources.",
        "en": "The list of regions is empty: they come from the orders of the section `[deliveries]` of the sources.",
    },
    "desk.empty.title": {"fr": "Aucune commande pour l’instant.", "en": "No orders yet."},
    "desk.empty.body": {
        "fr": "La base de données répond, mais aucune commande n’y est. L’équipe qui exploite la plateforme peut en charger avec `flow backfill deliveries --from 2025-01-01 --to 2025-03-31`.",
        "en": "The database answers, but it holds no order. The team that runs the platform can load some with `flow backfill deliveries --from 2025-01-01 --to 2025-03-31`.",
    },
    "desk.region": {"fr": "Région", "en": "Region"},
    "desk.region.all": {"fr": "Toutes les régions", "en": "All regions"},
    "desk.shipper": {"fr": "Transporteur ou vendeur", "en": "Carrier or seller"},
    "desk.shipper.all": {"fr": "Tous", "en": "All"},
    "desk.category": {"fr": "Catégorie", "en": "Category"},
    "desk.category.all": {"fr": "Toutes", "en": "All"},
    "desk.period": {"fr": "Commandes passées", "en": "Orders placed in"},
    "unknown.centre@order": {
        "fr": "La région « {asked} » de l’adresse n’existe pas : voici {shown}.",
        "en": "There is no region “{asked}” as the address says: this is {shown}.",
    },
    "desk.stamp": {
        "fr": "Commandes passées du {first} au {last} (jours UTC) · dernier événement : {event} · dernière prévision : {scored}",
        "en": "Orders placed {first} to {last} (UTC days) · newest event: {event} · newest prediction: {scored}",
    },
    "desk.stale": {
        "fr": "**Ces données datent.** Le dernier événement connu est du {event}, il y a {age} : une commande livrée depuis paraît encore en route. Les promesses dépassées sont celles de ce moment-là. Prévenez l’équipe qui exploite la plateforme.",
        "en": "**These data are old.** The newest event known is from {event}, {age} ago: an order delivered since still looks as if it were on its way. Promises that have passed are those of that moment. Tell the team that runs the platform.",
    },
    "desk.unscored.all": {
        "fr": "Aucune commande n’a encore de prévision : les retards sont là, les risques non.",
        "en": "No order has a prediction yet: lateness is here, risks are not.",
    },
    "desk.unscored": {
        "fr": "Les prévisions datent du {scored}, le dernier événement du {event} : les commandes plus récentes n’ont pas encore de risque.",
        "en": "The newest prediction is from {scored}, the newest event from {event}: newer orders have no risk yet.",
    },
    "desk.none": {
        "fr": "Aucune commande n’a été passée ici du {first} au {last}. Choisissez une période plus longue ou d’autres filtres.",
        "en": "No order was placed here from {first} to {last}. Choose a longer period or other filters.",
    },
    "desk.kpi": {"fr": "{place}, du {first} au {last}", "en": "{place}, {first} to {last}"},
    "desk.kpi.late": {"fr": "Livrées en retard", "en": "Delivered late"},
    "desk.kpi.late.body": {
        "fr": "{late} sur {n} livrées ; {left} encore en route",
        "en": "{late} of {n} delivered; {left} still on their way",
    },
    "desk.kpi.late.none": {"fr": "rien n’est encore livré", "en": "nothing is delivered yet"},
    "desk.kpi.gap": {"fr": "Écart moyen avec la prévision", "en": "Mean gap to the prediction"},
    "desk.kpi.gap.later": {
        "fr": "livré plus tard que prévu en moyenne ; écart typique {typical}",
        "en": "delivered later than predicted on average; typical gap {typical}",
    },
    "desk.kpi.gap.earlier": {
        "fr": "livré plus tôt que prévu en moyenne ; écart typique {typical}",
        "en": "delivered earlier than predicted on average; typical gap {typical}",
    },
    "desk.kpi.gap.none": {"fr": "pas encore mesuré", "en": "not measured yet"},
    "desk.kpi.risk": {"fr": "Commandes à haut risque", "en": "High-risk orders"},
    "desk.kpi.risk.body": {
        "fr": "{n} sur {all} prévues à leur validation",
        "en": "{n} of {all} predicted when approved",
    },
    "desk.kpi.act": {"fr": "À haut risque, à traiter", "en": "High risk, to act on"},
    "desk.kpi.act.body": {
        "fr": "pas encore livrées ni résolues",
        "en": "neither delivered nor resolved yet",
    },
    "desk.kpi.act.before": {
        "fr": "période d’avant, encore ouvertes : {n}",
        "en": "from the period before, still open: {n}",
    },
    "desk.kpi.resolve": {
        "fr": "Temps moyen pour résoudre un incident",
        "en": "Mean time to resolve an incident",
    },
    "desk.kpi.resolve.body": {
        "fr": "{n} résolus sur {all} ouverts",
        "en": "{n} resolved of {all} opened",
    },
    "desk.kpi.before": {
        "fr": "Écarts : par rapport aux commandes passées du {first} au {last}.",
        "en": "Changes are against the orders placed {first} to {last}.",
    },
    "desk.kpi.unfinished": {
        "fr": "{share} des commandes de la période sont livrées : les plus lentes manquent encore, le taux de retard et l’écart peuvent monter.",
        "en": "{share} of the period’s orders are delivered: the slowest are still missing, so late rate and gap may rise.",
    },
    "desk.kpi.no_before": {
        "fr": "Pas de comparaison avec la période d’avant : les commandes ne commencent que le {day}.",
        "en": "No comparison with the period before: orders begin only on {day}.",
    },
    "desk.points": {"fr": "{n} points", "en": "{n} points"},
    "desk.orders": {"fr": "Commandes à suivre", "en": "Orders to follow"},
    "desk.show": {"fr": "Lesquelles", "en": "Which ones"},
    "desk.show.act": {"fr": "À haut risque, à traiter ({n})", "en": "High risk, to act on ({n})"},
    "desk.show.ahead": {
        "fr": "À haut risque, promesse encore à venir ({n})",
        "en": "High risk, promise still to come ({n})",
    },
    "desk.show.overdue": {
        "fr": "Promesse dépassée, pas livrées ({n})",
        "en": "Promise passed, not delivered ({n})",
    },
    "desk.show.open": {"fr": "Toutes celles en cours ({n})", "en": "All open ones ({n})"},
    "desk.show.resolved": {"fr": "Résolues ici ({n})", "en": "Resolved here ({n})"},
    "desk.find": {"fr": "Ouvrir une commande par son numéro", "en": "Open an order by its number"},
    "desk.listed.none": {
        "fr": "Aucune commande ici. Choisissez « Toutes celles en cours » ou une autre période.",
        "en": "No order here. Choose “All open ones” or another period.",
    },
    "desk.listed": {
        "fr": "Les {shown} commandes les plus à risque sur {all}, au moment où on les a prévues pour la dernière fois. Cliquez sur une ligne pour l’ouvrir.",
        "en": "The {shown} orders most at risk of {all}, by what was said of each last. Click a row to open it.",
    },
    "desk.listed.all": {
        "fr": "Commandes : {all}, la plus à risque d’abord, au moment où on les a prévues pour la dernière fois. Cliquez sur une ligne pour l’ouvrir.",
        "en": "Orders: {all}, the one most at risk first, by what was said of each last. Click a row to open it.",
    },
    "desk.listed.older": {
        "fr": " À haut risque et passées avant cette période : {n}.",
        "en": " At high risk and placed before this period: {n}.",
    },
    "desk.list.name": {
        "fr": "Commandes, la plus à risque d’abord",
        "en": "Orders, the one most at risk first",
    },
    "desk.list.open": {"fr": "Ouvrir la commande {order}", "en": "Open order {order}"},
    "desk.list.late": {"fr": "{n} après la promesse", "en": "{n} after the promise"},
    "desk.list.band": {"fr": "8 fois sur 10 : {first} – {last}", "en": "8 in 10: {first} – {last}"},
    "desk.list.band.hours": {
        "fr": "8 fois sur 10 : {day}, {first}–{last}",
        "en": "8 in 10: {day}, {first}–{last}",
    },
    "desk.list.overdue": {
        "fr": "promesse dépassée, pas livrée",
        "en": "promise passed, not delivered",
    },
    "desk.list.since": {"fr": "depuis {age}", "en": "{age} ago"},
    "desk.list.unscored": {"fr": "pas de prévision", "en": "no prediction"},
    "desk.list.action": {"fr": "{action}, {author}", "en": "{action}, {author}"},
    "action.note": {"fr": "note", "en": "note"},
    "action.resolve": {"fr": "résolue", "en": "resolved"},
    "action.reopen": {"fr": "rouverte", "en": "reopened"},
    "order.title": {"fr": "Commande {order}", "en": "Order {order}"},
    "order.close": {"fr": "Fermer", "en": "Close"},
    "order.unknown": {
        "fr": "Il n’y a pas de commande « {order} ». Vérifiez le numéro.",
        "en": "There is no order “{order}”. Check the number.",
    },
    "order.facts": {
        "fr": "{region} · {shipper} · {category} · valeur {price} · {status}",
        "en": "{region} · {shipper} · {category} · value {price} · {status}",
    },
    "order.risk": {
        "fr": "Risque de retard : **{risk}**{verdict}, dit le {scored}.",
        "en": "Risk of being late: **{risk}**{verdict}, said on {scored}.",
    },
    "order.risk.high": {
        "fr": " (haut risque : à partir de {threshold})",
        "en": " (high risk: from {threshold} on)",
    },
    "order.risk.usual": {
        "fr": " (pas un haut risque : il commence à {threshold})",
        "en": " (not a high risk: that begins at {threshold})",
    },
    "order.unscored": {
        "fr": "Cette commande n’a pas encore de prévision : elle en a une une fois validée.",
        "en": "This order has no prediction yet: it gets one once it is approved.",
    },
    "order.overdue": {
        "fr": "**Promesse dépassée depuis {age}, et pas livrée.**",
        "en": "**The promise passed {age} ago, and it is not delivered.**",
    },
    "order.resolved": {
        "fr": "Résolue par {author} le {at}.",
        "en": "Resolved by {author} on {at}.",
    },
    "order.was.late": {
        "fr": "Livrée en retard, après {days}.",
        "en": "Delivered late, after {days}.",
    },
    "order.was.in_time": {
        "fr": "Livrée à temps, après {days}.",
        "en": "Delivered in time, after {days}.",
    },
    "order.why": {"fr": "Ce qui augmente le risque", "en": "What raises the risk"},
    "order.why.none": {
        "fr": "Rien de particulier : le risque est celui de toutes les commandes.",
        "en": "Nothing in particular: the risk is that of all orders.",
    },
    "order.why.passed": {
        "fr": "Sa promesse était déjà passée : elle est en retard, quoi qu’il arrive.",
        "en": "Its promise had passed already: it is late whatever comes.",
    },
    "order.why.strong": {"fr": "{what} : beaucoup", "en": "{what}: a lot"},
    "order.why.some": {"fr": "{what} : nettement", "en": "{what}: clearly"},
    "order.why.little": {"fr": "{what} : un peu", "en": "{what}: a little"},
    "order.life": {"fr": "Sa vie", "en": "Its life"},
    "life.placed": {"fr": "Passée", "en": "Placed"},
    "life.paid": {"fr": "Payée", "en": "Paid"},
    "life.approved": {"fr": "Validée", "en": "Approved"},
    "life.handed_over": {"fr": "Remise au transporteur", "en": "Handed to the carrier"},
    "life.tracked": {"fr": "Dernier suivi", "en": "Last tracking"},
    "life.delivered": {"fr": "Livrée", "en": "Delivered"},
    "life.cancelled": {"fr": "Annulée", "en": "Cancelled"},
    "life.promised": {"fr": "Promise pour le", "en": "Promised for"},
    "life.promised_now": {"fr": "Promesse corrigée", "en": "Promise corrected to"},
    "life.predicted": {"fr": "Prévue pour le", "en": "Predicted for"},
    "life.not_yet": {"fr": "pas encore", "en": "not yet"},
    "life.band": {
        "fr": "8 fois sur 10 entre le {first} et le {last}",
        "en": "8 in 10 from {first} to {last}",
    },
    "life.band.hours": {
        "fr": "8 fois sur 10 le {day} entre {first} et {last}",
        "en": "8 in 10 on {day} from {first} to {last}",
    },
    "life.passed": {"fr": "date déjà passée", "en": "date already passed"},
    "life.after": {"fr": "après {days}", "en": "after {days}"},
    "tracked.handed_over": {"fr": "remise au transporteur", "en": "handed to the carrier"},
    "tracked.in_transit": {"fr": "en transit", "en": "in transit"},
    "tracked.out_for_delivery": {"fr": "en cours de livraison", "en": "out for delivery"},
    "tracked.delivered": {"fr": "livrée", "en": "delivered"},
    "tracked.returned": {"fr": "retournée", "en": "returned"},
    "order.incidents": {"fr": "Incidents", "en": "Incidents"},
    "order.incident.open": {
        "fr": "{kind} : ouvert le {opened}, pas résolu",
        "en": "{kind}: opened {opened}, not resolved",
    },
    "order.incident.log": {
        "fr": "{kind} : ouvert le {opened}, résolu en {took} (journal)",
        "en": "{kind}: opened {opened}, resolved in {took} (log)",
    },
    "order.incident.desk": {
        "fr": "{kind} : ouvert le {opened}, résolu en {took} (ici)",
        "en": "{kind}: opened {opened}, resolved in {took} (here)",
    },
    "order.incident.kind": {"fr": "incident", "en": "incident"},
    "order.actions": {"fr": "Ce qui a été fait", "en": "What was done"},
    "order.actions.none": {"fr": "Rien n’a encore été noté.", "en": "Nothing has been noted yet."},
    "order.action": {"fr": "**{action}** · {author}, {at}", "en": "**{action}** · {author}, {at}"},
    "order.act": {"fr": "Agir", "en": "Act"},
    "order.author": {"fr": "Votre nom", "en": "Your name"},
    "order.note": {"fr": "Note", "en": "Note"},
    "order.note.help": {
        "fr": "Une note peut être lue par tous ceux qui lisent cette page et ne s’efface pas : n’y écrivez ni nom, ni adresse, ni téléphone du client.",
        "en": "Everyone who reads this page can read a note, and it cannot be deleted: write no name, address or phone of the customer.",
    },
    "order.act.note": {"fr": "Ajouter la note", "en": "Add the note"},
    "order.act.resolve": {"fr": "Marquer comme résolue", "en": "Mark as resolved"},
    "order.act.reopen": {"fr": "Rouvrir", "en": "Reopen"},
    "order.done.note": {"fr": "Note ajoutée.", "en": "Note added."},
    "order.done.resolve": {
        "fr": "Commande résolue : elle ne compte plus parmi celles à traiter.",
        "en": "Order resolved: it no longer counts among those to act on.",
    },
    "order.done.reopen": {
        "fr": "Commande rouverte : elle compte à nouveau.",
        "en": "Order reopened: it counts again.",
    },
    "order.failed.author": {
        "fr": "Rien n’a été écrit : indiquez votre nom.",
        "en": "Nothing was written: give your name.",
    },
    "order.failed.note": {
        "fr": "Rien n’a été écrit : la note est vide.",
        "en": "Nothing was written: the note is empty.",
    },
    "order.failed.long": {
        "fr": "Rien n’a été écrit : un nom a au plus 100 caractères, une note 2000, sans caractères spéciaux.",
        "en": "Nothing was written: a name has at most 100 characters, a note 2000, without control characters.",
    },
    "order.failed.gone": {
        "fr": "Rien n’a été écrit : cette commande n’existe plus.",
        "en": "Nothing was written: this order is no longer there.",
    },
    "order.failed.unset": {
        "fr": "Rien n’a été écrit : cette page n’a pas reçu le droit d’écrire.",
        "en": "Nothing was written: this page was not given the right to write.",
    },
    "order.failed.refused": {
        "fr": "Rien n’a été écrit : la base de données refuse que le suivi écrive. Prévenez l’équipe qui exploite la plateforme.",
        "en": "Nothing was written: the database does not let the desk write. Tell the team that runs the platform.",
    },
    "order.failed.down": {
        "fr": "Rien n’a été écrit : la base de données ne répond pas. Réessayez dans une minute.",
        "en": "Nothing was written: the database does not answer. Try again in a minute.",
    },
    "order.read_only": {
        "fr": "Ici on ne peut que lire : la page n’a pas reçu la connexion du suivi (`FLOW_DESK_DSN`).",
        "en": "Reading only: the page was not given the desk’s connection (`FLOW_DESK_DSN`).",
    },
    "order.actions.unread": {
        "fr": "Les notes ne peuvent pas être lues pour l’instant ; la dernière est ci-dessous.",
        "en": "The notes cannot be read for now; the last one stands below.",
    },
    "desk.real.title": {"fr": "Prévu contre réel", "en": "Predicted against real"},
    "desk.real.words": {
        "fr": "Sur {n} commandes livrées, {share} l’ont été dans la fourchette dite à la validation ; promis : {promised}.",
        "en": "Of {n} delivered orders, {share} came inside the range said when they were approved; promised: {promised}.",
    },
    "desk.real.body": {
        "fr": "Chaque point réunit une part égale des commandes livrées, du plus court au plus long délai dit à la validation. Au-dessus de la ligne, elles ont mis plus longtemps que prévu ; la bande est la fourchette moyenne de 8 fois sur 10.",
        "en": "Each mark stands for an equal part of the delivered orders, from the shortest to the longest delay said when approved. Above the line they took longer than predicted; the band is the mean range of 8 times out of 10.",
    },
    "desk.judged": {
        "fr": "Jugé sur les commandes passées jusqu’au {day} : de celles d’après, plus d’une sur dix n’est pas livrée, et les plus lentes manquent.",
        "en": "Judged by orders placed up to {day}: of later ones more than one in ten is not delivered, and the slowest are missing.",
    },
    "desk.judged.none": {
        "fr": "Trop tôt pour juger : plus d’une commande sur dix de ces jours est encore en route, et les plus lentes manquent.",
        "en": "Too early to judge: more than one in ten of these days’ orders is still on its way, and the slowest are missing.",
    },
    "desk.real.none": {
        "fr": "Pas encore mesuré : aucune commande de ces jours, prévue à sa validation, n’est livrée.",
        "en": "Not measured yet: no order of these days that was predicted when approved is delivered.",
    },
    "desk.real": {"fr": "Réel (moyenne)", "en": "Real (mean)"},
    "desk.band": {"fr": "8 fois sur 10", "en": "8 times out of 10"},
    "desk.diagonal": {"fr": "Dit = réel", "en": "Said = real"},
    "desk.axis.said": {"fr": "Jours prévus (moyenne)", "en": "Days predicted (mean)"},
    "desk.axis.real": {"fr": "Jours réels (moyenne)", "en": "Real days (mean)"},
    "desk.axis.risk": {"fr": "Risque annoncé", "en": "Risk said"},
    "desk.axis.late": {"fr": "Livrées en retard", "en": "Delivered late"},
    "desk.hover.part": {
        "fr": "prévu : {said} ({low} à {high})<br>réel : {real}<br>{share} dans la fourchette<br>{n} commandes",
        "en": "predicted: {said} ({low} to {high})<br>real: {real}<br>{share} inside the range<br>{n} orders",
    },
    "desk.pale": {
        "fr": " Pâle : moins de {enough} commandes, trop peu pour juger.",
        "en": " Pale: fewer than {enough} orders, too few to judge by.",
    },
    "desk.alt.real": {
        "fr": "Jours réels selon les jours prévus, en {n} parts : l’écart est de {off} au plus. Les mêmes nombres sont dans le tableau.",
        "en": "Real days by the days predicted, in {n} parts: they are at most {off} apart. The same numbers are in the table.",
    },
    "desk.table.real": {"fr": "Tableau des parts", "en": "Table of parts"},
    "desk.rates": {"fr": "Taux de retard au fil du temps", "en": "Late rate over time"},
    "desk.rates.body": {
        "fr": "Par date de commande. Barres : le nombre de livraisons sur lequel le taux repose. Pâle : moins de {enough} livraisons, trop peu pour juger. Cercle vide : plus d’une commande sur dix n’est pas encore livrée, et les plus lentes manquent ; le taux peut encore monter.",
        "en": "By date of the order. Bars: how many deliveries the rate rests on. Pale: fewer than {enough} deliveries, too few to judge by. Empty circle: more than one order in ten is not delivered yet, and the slowest are missing; the rate may still rise.",
    },
    "desk.late_rate": {"fr": "Taux de retard", "en": "Late rate"},
    "desk.delivered": {"fr": "Livraisons", "en": "Deliveries"},
    "desk.week": {"fr": "Semaine du {day}", "en": "Week of {day}"},
    "desk.hover.rate": {
        "fr": "<b>{when}</b><br>{share} en retard<br>{late} sur {n} livrées, {all} commandes",
        "en": "<b>{when}</b><br>{share} late<br>{late} of {n} delivered, {all} orders",
    },
    "desk.alt.rates": {
        "fr": "Taux de retard par date de commande, de {low} à {high}. Les mêmes nombres sont dans le tableau.",
        "en": "Late rate by date of the order, from {low} to {high}. The same numbers are in the table.",
    },
    "desk.table.rates": {"fr": "Tableau des taux", "en": "Table of rates"},
    "desk.risk": {"fr": "Que vaut le risque annoncé ?", "en": "How good is the risk said?"},
    "desk.risk.same.approved": {
        "fr": "**À la validation, le risque est le taux habituel.** Aucun modèle n’a fait mieux que le taux de retard des dernières semaines : le risque ne distingue pas une commande d’une autre. Pour choisir, regardez les promesses dépassées et les dates prévues.",
        "en": "**When an order is approved, its risk is the usual rate.** No model did better than the late rate of the past weeks: the risk tells no order from another. To choose, look at promises passed and predicted dates.",
    },
    "desk.risk.same.in_transit": {
        "fr": "**En route, le risque est le taux habituel.** Aucun modèle n’a fait mieux : le risque ne distingue pas une commande en route d’une autre.",
        "en": "**On the way, the risk is the usual rate.** No model did better: the risk tells no order on its way from another.",
    },
    "desk.risk.skill": {
        "fr": "Du dixième des commandes dites les plus à risque, **{top}** ont été livrées en retard ; des autres, **{rest}** : le risque distingue bien les commandes.",
        "en": "Of the tenth of orders said to be most at risk, **{top}** were delivered late; of the others **{rest}**: the risk does tell orders apart.",
    },
    "desk.risk.no_skill": {
        "fr": "Du dixième des commandes dites les plus à risque, **{top}** ont été livrées en retard ; des autres, **{rest}** : la différence peut être due au hasard. Rien ne montre ici que le risque distingue les commandes.",
        "en": "Of the tenth of orders said to be most at risk, **{top}** were delivered late; of the others **{rest}**: that may be chance. Nothing shows here that the risk tells orders apart.",
    },
    "desk.risk.few": {
        "fr": "{n} commandes livrées avec un risque annoncé : trop peu pour dire s’il distingue les commandes.",
        "en": "{n} delivered orders with a risk said: too few to tell whether it tells orders apart.",
    },
    "desk.risk.bucket": {
        "fr": "Des commandes dites en retard à {range}, **{share}** l’ont été ({n} commandes).",
        "en": "Of orders said {range} late, **{share}** were ({n} orders).",
    },
    "desk.risk.body": {
        "fr": "Risque annoncé à la validation, commandes livrées depuis. Barres : ce que le hasard permet (19 fois sur 20). Erreur quadratique moyenne du risque (score de Brier) : {brier} ; en annonçant à toutes le taux de ces jours : {base}.",
        "en": "Risk said when approved, orders delivered since. Bars: what chance allows (19 times out of 20). Mean squared error of the risk (Brier score): {brier}; when saying these days’ rate of every order: {base}.",
    },
    "desk.came_late": {"fr": "En retard", "en": "Late"},
    "desk.hover.bucket": {
        "fr": "<b>dit : {range}</b><br>en retard : {share}<br>{n} commandes",
        "en": "<b>said: {range}</b><br>late: {share}<br>{n} orders",
    },
    "desk.alt.risk": {
        "fr": "Part des commandes en retard selon le risque annoncé, en {n} tranches. Les mêmes nombres sont dans le tableau.",
        "en": "Share of late orders by the risk said, in {n} steps. The same numbers are in the table.",
    },
    "desk.table.risk": {"fr": "Tableau des risques", "en": "Table of risks"},
    "desk.simulated": {
        "fr": "Données simulées : ces commandes n’existent pas.",
        "en": "Simulated data: these orders do not exist.",
    },
    "download.note@order": {
        "fr": "Le tableau arrondit et n’a que le début d’une longue liste. Les fichiers ont jusqu’à 5000 lignes, sans arrondi (UTF-8, virgule, point décimal ; heures en UTC).",
        "en": "The table rounds and has only the head of a long list. The files have up to 5,000 rows, unrounded (UTF-8, comma, decimal point; times in UTC).",
    },
    "status.placed": {"fr": "passée", "en": "placed"},
    "status.approved": {"fr": "validée", "en": "approved"},
    "status.in_transit": {"fr": "en route", "en": "on its way"},
    "status.delivered": {"fr": "livrée", "en": "delivered"},
    "status.cancelled": {"fr": "annulée", "en": "cancelled"},
    "status.returned": {"fr": "retournée", "en": "returned"},
    # Why an order is at risk: features of its own, then what is told of whom or of what it shares
    "reason.promise_passed": {"fr": "promesse déjà passée", "en": "promise already passed"},
    "reason.elapsed_days": {"fr": "temps déjà écoulé", "en": "time already passed"},
    "reason.promise_days": {"fr": "délai promis", "en": "time promised"},
    "reason.promise_left_days": {
        "fr": "temps restant avant la promesse",
        "en": "time left until the promise",
    },
    "reason.promise_working_days": {
        "fr": "jours ouvrés avant la promesse",
        "en": "working days until the promise",
    },
    "reason.weekday": {"fr": "jour de la semaine", "en": "day of the week"},
    "reason.hour": {"fr": "heure", "en": "time of day"},
    "reason.days_to_weekend": {"fr": "week-end proche", "en": "weekend ahead"},
    "reason.holidays_ahead": {"fr": "jours fériés à venir", "en": "public holidays ahead"},
    "reason.price": {"fr": "valeur de la commande", "en": "value of the order"},
    "reason.freight": {"fr": "frais de port", "en": "freight paid"},
    "reason.freight_share": {"fr": "part des frais de port", "en": "share of freight"},
    "reason.weight_kg": {"fr": "poids", "en": "weight"},
    "reason.volume_l": {"fr": "volume", "en": "volume"},
    "reason.distance_km": {"fr": "distance à parcourir", "en": "distance to cover"},
    "reason.items": {"fr": "nombre d’articles", "en": "number of items"},
    "reason.sellers": {"fr": "nombre de vendeurs", "en": "number of sellers"},
    "reason.installments": {"fr": "paiement en plusieurs fois", "en": "payment by instalments"},
    "reason.paid_value": {"fr": "montant payé", "en": "amount paid"},
    "reason.network_log_days": {
        "fr": "délais de tout le réseau",
        "en": "delays of the whole network",
    },
    "reason.network_log_ratio": {
        "fr": "délais de tout le réseau face aux promesses",
        "en": "delays of the whole network against promises",
    },
    "reason.network_late": {
        "fr": "retards de tout le réseau",
        "en": "lateness of the whole network",
    },
    "reason.recent_log_days": {
        "fr": "délais des dernières semaines",
        "en": "delays of the last weeks",
    },
    "reason.recent_log_ratio": {
        "fr": "délais des dernières semaines face aux promesses",
        "en": "delays of the last weeks against promises",
    },
    "reason.recent_late": {
        "fr": "retards des dernières semaines",
        "en": "lateness of the last weeks",
    },
    "reason.week_log_days": {
        "fr": "délais de la dernière semaine",
        "en": "delays of the last week",
    },
    "reason.week_log_ratio": {
        "fr": "délais de la dernière semaine face aux promesses",
        "en": "delays of the last week against promises",
    },
    "reason.recent_handling": {
        "fr": "préparation des colis, dernières semaines",
        "en": "time to hand over, last weeks",
    },
    "reason.recent_carrying": {
        "fr": "temps de transport, dernières semaines",
        "en": "time on the road, last weeks",
    },
    "reason.network_flow_days": {
        "fr": "commandes en attente dans tout le réseau",
        "en": "orders waiting in the whole network",
    },
    "reason.network_surge": {"fr": "afflux de commandes", "en": "surge of orders"},
    "reason.region_flow_days": {
        "fr": "commandes en attente dans la région",
        "en": "orders waiting in the region",
    },
    "reason.region_recent_log_days": {
        "fr": "délais récents de la région",
        "en": "recent delays of the region",
    },
    "reason.region_recent_log_ratio": {
        "fr": "délais récents de la région face aux promesses",
        "en": "recent delays of the region against promises",
    },
    "reason.region_carrying": {
        "fr": "temps de transport vers la région",
        "en": "time on the road to the region",
    },
    "reason.seller_handling": {
        "fr": "préparation chez le vendeur",
        "en": "seller’s time to hand over",
    },
    "reason.seller_recent_handling": {
        "fr": "préparation récente chez le vendeur",
        "en": "seller’s recent time to hand over",
    },
    "reason.seller_open": {"fr": "commandes en cours du vendeur", "en": "seller’s open orders"},
    "reason.seller_waiting": {
        "fr": "commandes en attente chez le vendeur",
        "en": "orders waiting at the seller",
    },
    "reason.seller_approved": {
        "fr": "commandes récentes du vendeur",
        "en": "seller’s recent orders",
    },
    "reason.rank": {"fr": "étape atteinte", "en": "stage reached"},
    "reason.events": {"fr": "nombre de suivis", "en": "number of trackings"},
    "reason.handed_over": {"fr": "remise au transporteur", "en": "handing to the carrier"},
    "reason.handling_days": {"fr": "temps de préparation", "en": "time until handed over"},
    "reason.since_handed_over_days": {
        "fr": "temps depuis la remise au transporteur",
        "en": "time since handed to the carrier",
    },
    "reason.carrying_left_days": {
        "fr": "transport restant habituel",
        "en": "usual time on the road left",
    },
    "told.orders": {"fr": "expérience ({who})", "en": "experience ({who})"},
    "told.log_days": {"fr": "délais passés ({who})", "en": "past delays ({who})"},
    "told.log_ratio": {
        "fr": "délais passés face aux promesses ({who})",
        "en": "past delays against promises ({who})",
    },
    "told.late": {"fr": "retards passés ({who})", "en": "past lateness ({who})"},
    "who.seller": {"fr": "vendeur", "en": "seller"},
    "who.region": {"fr": "région", "en": "region"},
    "who.carrier": {"fr": "transporteur", "en": "carrier"},
    "who.category": {"fr": "catégorie", "en": "category"},
    "who.postal_area": {"fr": "zone postale", "en": "postal area"},
    "who.payment_method": {"fr": "moyen de paiement", "en": "way of paying"},
    "who.lane": {"fr": "trajet", "en": "route"},
    # Page Customers
    "customers.title": {"fr": "Clients", "en": "Customers"},
    "customers.none.title": {
        "fr": "Aucun groupe de clients pour l’instant.",
        "en": "No groups of customers yet.",
    },
    "customers.none.body": {
        "fr": "Les clients sont groupés une fois par mois, quand au moins 200 ont commandé.",
        "en": "Customers are grouped once a month, as soon as at least 200 have ordered.",
    },
    "customers.month": {"fr": "Groupes du mois de", "en": "Groups of the month"},
    "customers.stamp": {
        "fr": "{n} clients en {k} groupes, d’après ce qui était connu avant le {day}.",
        "en": "{n} customers in {k} groups, by what was known before {day}.",
    },
    "customers.stale": {
        "fr": "**Ces groupes datent** : ils sont de {month}. Prévenez l’équipe qui exploite la plateforme.",
        "en": "**These groups are old**: they are from {month}. Tell the team that runs the platform.",
    },
    "customers.groups": {"fr": "Qui sont-ils ?", "en": "Who are they?"},
    "customers.count": {"fr": "{n} clients", "en": "{n} customers"},
    "customers.share": {"fr": "{share} de tous", "en": "{share} of all"},
    "customers.recency": {"fr": "dernière commande il y a {days}", "en": "last order {days} ago"},
    "customers.orders": {"fr": "{n} commandes par client", "en": "{n} orders each"},
    "customers.value": {"fr": "{n} dépensés par client", "en": "{n} spent each"},
    "customers.late": {"fr": "{share} de livraisons en retard", "en": "{share} of deliveries late"},
    "customers.days": {"fr": "livrés en {days}", "en": "delivered in {days}"},
    "customers.undelivered": {
        "fr": "livraisons : pas encore connues",
        "en": "deliveries: not known yet",
    },
    "customers.hidden": {
        "fr": "moins de {n} clients : chiffres cachés",
        "en": "fewer than {n} customers: figures hidden",
    },
    "customers.unstable": {
        "fr": "groupe instable : à lire avec prudence",
        "en": "unstable group: read with care",
    },
    "customers.means": {
        "fr": "Moyennes par client. Un groupe de moins de {n} clients n’a pas de chiffres : ils diraient ce que font quelques personnes.",
        "en": "Means per customer. A group of fewer than {n} customers has no figures: they would tell what a few people do.",
    },
    "customers.compare": {"fr": "Comparer les groupes par", "en": "Compare the groups by"},
    "customers.by.customers": {"fr": "Nombre de clients", "en": "Number of customers"},
    "customers.by.recency_days": {
        "fr": "Temps depuis la dernière commande",
        "en": "Time since the last order",
    },
    "customers.by.orders_each": {"fr": "Commandes par client", "en": "Orders per customer"},
    "customers.by.value": {"fr": "Dépense par client", "en": "Spent per customer"},
    "customers.by.late_share": {
        "fr": "Part de livraisons en retard",
        "en": "Share of deliveries late",
    },
    "customers.by.mean_days": {"fr": "Délai de livraison moyen", "en": "Mean time to delivery"},
    "customers.alt": {
        "fr": "{by}, par groupe : {groups}.",
        "en": "{by}, by group: {groups}.",
    },
    "customers.table": {"fr": "Tableau des groupes", "en": "Table of groups"},
    "customers.experience": {"fr": "Comment sont-ils livrés ?", "en": "How are they served?"},
    "customers.experience.body": {
        "fr": "Taux de retard par mois de commande ({place}), chaque commande comptant pour le groupe où était son client. Un mois de moins de {n} livraisons est caché ; pâle : moins de {enough}, trop peu pour juger. Marque vide : plus d’une commande sur dix n’est pas encore livrée, le taux peut monter. Les premières commandes d’un client ne sont d’aucun groupe.",
        "en": "Late rate by month of the order ({place}), each order counting for the group its customer was in. A month of fewer than {n} deliveries is hidden; pale: fewer than {enough}, too few to judge by. Empty mark: more than one order in ten is not delivered yet, the rate may rise. A customer’s first orders belong to no group.",
    },
    "customers.experience.hidden": {
        "fr": " Cachés : {n} mois de groupes.",
        "en": " Hidden: {n} months of groups.",
    },
    "customers.experience.none": {
        "fr": "Pas encore de livraisons de clients groupés ici ({place}).",
        "en": "No deliveries to grouped customers here yet ({place}).",
    },
    "customers.experience.words": {
        "fr": "Sur ces mois, le groupe le plus souvent livré en retard est **{worst}** ({worst_rate}), le moins souvent **{best}** ({best_rate}).",
        "en": "Over these months the group delivered late most often is **{worst}** ({worst_rate}), least often **{best}** ({best_rate}).",
    },
    "customers.experience.alike": {
        "fr": "Sur ces mois, entre le groupe le plus souvent livré en retard, **{worst}** ({worst_rate}), et le moins souvent, **{best}** ({best_rate}), l’écart peut être dû au hasard.",
        "en": "Over these months the gap between the group delivered late most often, **{worst}** ({worst_rate}), and least often, **{best}** ({best_rate}), may be chance.",
    },
    "customers.hover.month": {
        "fr": "<b>{segment}</b>, {month}<br>{share} en retard<br>{n} livraisons",
        "en": "<b>{segment}</b>, {month}<br>{share} late<br>{n} deliveries",
    },
    "customers.experience.alt": {
        "fr": "Taux de retard par mois et par groupe, de {low} à {high}. Les mêmes nombres sont dans le tableau.",
        "en": "Late rate by month and group, from {low} to {high}. The same numbers are in the table.",
    },
    "customers.experience.table": {"fr": "Tableau par mois", "en": "Table by month"},
    "customers.choice": {
        "fr": "Comment le nombre de groupes a été choisi",
        "en": "How the number of groups was chosen",
    },
    "customers.choice.body": {
        "fr": "Les clients sont groupés par k-moyennes. **Silhouette** : à quel point les groupes sont séparés, 1 étant parfait. **Stabilité** : à quel point on retrouve les mêmes groupes quand on tire les clients au hasard (Jaccard) ; à partir de 0,75 un groupe est stable. On prend la meilleure silhouette parmi les nombres stables, sinon le plus stable : ici **{k}** groupes.",
        "en": "Customers are grouped by k-means. **Silhouette**: how well the groups are separated, 1 being perfect. **Stability**: how well the same groups are found again when customers are drawn at random (Jaccard); from 0.75 on a group is stable. The best silhouette among stable numbers is taken, else the most stable: here **{k}** groups.",
    },
    "customers.choice.none": {
        "fr": "Ce mois n’a pas gardé la trace de ce choix.",
        "en": "This month has no record of that choice.",
    },
    "customers.choice.alt": {
        "fr": "Silhouette et stabilité selon le nombre de groupes ; les mêmes nombres sont dans le tableau.",
        "en": "Silhouette and stability by the number of groups; the same numbers are in the table.",
    },
    "segment.loyal": {"fr": "Fidèles", "en": "Loyal"},
    "segment.valued": {"fr": "Gros paniers", "en": "Big spenders"},
    "segment.disappointed": {"fr": "Déçus", "en": "Let down"},
    "segment.satisfied": {"fr": "Bien servis", "en": "Well served"},
    "segment.new": {"fr": "Récents", "en": "Recent"},
    "segment.dormant": {"fr": "Endormis", "en": "Dormant"},
    "segment.modest": {"fr": "Petits paniers", "en": "Small spenders"},
    "segment.occasional": {"fr": "Occasionnels", "en": "Occasional"},
    "segment.new_valued": {"fr": "Récents, gros paniers", "en": "Recent, big spenders"},
    "segment.new_modest": {"fr": "Récents, petits paniers", "en": "Recent, small spenders"},
    "segment.new_disappointed": {"fr": "Récents et déçus", "en": "Recent and let down"},
    "segment.dormant_loyal": {"fr": "Fidèles endormis", "en": "Loyal, now dormant"},
    "segment.dormant_valued": {"fr": "Endormis, gros paniers", "en": "Dormant big spenders"},
    "segment.dormant_modest": {"fr": "Endormis, petits paniers", "en": "Dormant small spenders"},
    "segment.dormant_disappointed": {"fr": "Endormis et déçus", "en": "Dormant and let down"},
    "segment.numbered": {"fr": "Occasionnels {n}", "en": "Occasional {n}"},
    "column.order_id": {"fr": "Commande", "en": "Order"},
    "column.late_probability": {"fr": "Risque de retard", "en": "Risk of being late"},
    "column.is_high_risk": {"fr": "Haut risque", "en": "High risk"},
    "column.is_overdue": {"fr": "Promesse dépassée", "en": "Promise passed"},
    "column.promised_at": {"fr": "Promise pour", "en": "Promised for"},
    "column.predicted_at": {"fr": "Prévue pour", "en": "Predicted for"},
    "column.predicted_from": {"fr": "Au plus tôt (80 %)", "en": "From (80%)"},
    "column.predicted_to": {"fr": "Au plus tard (80 %)", "en": "To (80%)"},
    "column.why": {"fr": "Pourquoi", "en": "Why"},
    "column.price": {"fr": "Valeur", "en": "Value"},
    "column.shipper": {"fr": "Transporteur ou vendeur", "en": "Carrier or seller"},
    "column.category": {"fr": "Catégorie", "en": "Category"},
    "column.centre_id@order": {"fr": "Région", "en": "Region"},
    "column.status": {"fr": "Étape", "en": "Stage"},
    "column.placed_at": {"fr": "Passée le", "en": "Placed"},
    "column.last_action": {"fr": "Dernière action", "en": "Last action"},
    "column.last_author": {"fr": "Par", "en": "By"},
    "column.last_acted_at": {"fr": "Le", "en": "On"},
    "column.last_note": {"fr": "Dernière note", "en": "Last note"},
    "column.part": {"fr": "Part", "en": "Part"},
    "column.orders": {"fr": "Commandes", "en": "Orders"},
    "column.said_days": {"fr": "Prévu (jours)", "en": "Predicted (days)"},
    "column.said_from": {"fr": "Bas 80 %", "en": "Low 80%"},
    "column.said_to": {"fr": "Haut 80 %", "en": "High 80%"},
    "column.real_days": {"fr": "Réel (jours)", "en": "Real (days)"},
    "column.coverage_80@order": {"fr": "Dans la fourchette", "en": "Inside the range"},
    "column.begins": {"fr": "À partir du", "en": "From"},
    "column.delivered": {"fr": "Livrées", "en": "Delivered"},
    "column.late": {"fr": "En retard", "en": "Late"},
    "column.late_rate": {"fr": "Taux de retard", "en": "Late rate"},
    "column.bucket": {"fr": "Risque annoncé", "en": "Risk said"},
    "column.said_late": {"fr": "Annoncé (moyenne)", "en": "Said (mean)"},
    "column.segment": {"fr": "Groupe", "en": "Group"},
    "column.customers": {"fr": "Clients", "en": "Customers"},
    "column.share": {"fr": "Part", "en": "Share"},
    "column.recency_days": {"fr": "Dernière commande (jours)", "en": "Last order (days ago)"},
    "column.orders_each": {"fr": "Commandes par client", "en": "Orders each"},
    "column.value": {"fr": "Dépense par client", "en": "Spent each"},
    "column.late_share": {"fr": "Livraisons en retard", "en": "Deliveries late"},
    "column.mean_days": {"fr": "Délai moyen (jours)", "en": "Mean days"},
    "column.stability": {"fr": "Stabilité", "en": "Stability"},
    "column.month": {"fr": "Mois", "en": "Month"},
    "column.k": {"fr": "Nombre de groupes", "en": "Number of groups"},
    "column.silhouette": {"fr": "Silhouette", "en": "Silhouette"},
    "column.chosen": {"fr": "Choisi", "en": "Chosen"},
    "choice.yes": {"fr": "oui", "en": "yes"},
    "choice.no": {"fr": "non", "en": "no"},
    "flow.deliveries": {"fr": "livraisons", "en": "deliveries"},
    "feature.days": {"fr": "délai", "en": "delay"},
    "feature.price": {"fr": "valeur des commandes", "en": "value of orders"},
    "feature.delay": {"fr": "délai à la validation", "en": "delay when approved"},
    "feature.late_risk": {"fr": "risque à la validation", "en": "risk when approved"},
    "feature.delay_in_transit": {"fr": "délai en route", "en": "delay on the way"},
    "feature.late_risk_in_transit": {"fr": "risque en route", "en": "risk on the way"},
    "candidate.usual": {"fr": "le taux ou délai habituel", "en": "the usual rate or delay"},
    "candidate.mlp": {"fr": "réseau dense", "en": "dense network"},
    # Page Data state
    "state.streams": {"fr": "Flux en direct", "en": "Live streams"},
    "state.streams.body": {
        "fr": "Gardés : lignes écrites ; répétés : messages reçus une seconde fois, sans effet ;"
        " quarantaine : illisibles, mis de côté.",
        "en": "Stored: rows written; repeated: messages received once more, without effect;"
        " quarantined: unreadable, set aside.",
    },
    "column.source": {"fr": "Source", "en": "Source"},
    "column.last_message_at": {"fr": "Dernier message", "en": "Last message"},
    "column.lag": {"fr": "Il y a", "en": "Ago"},
    "column.rows_repeated": {"fr": "Répétés", "en": "Repeated"},
    "state.title": {"fr": "État des données", "en": "Data state"},
    "state.intro": {
        "fr": "Ce que la plateforme a reçu, ce qu’elle en a fait, et quel modèle parle.",
        "en": "What the platform received, what it did with it, and which model speaks.",
    },
    "state.fresh": {"fr": "Fraîcheur", "en": "Freshness"},
    "state.fresh.ok": {
        "fr": "Comptages et prévisions sont à jour.",
        "en": "Counts and forecasts are up to date.",
    },
    "state.fresh.old": {
        "fr": "En retard de plus de {days} jours : {what}. Prévenez l’équipe qui exploite la"
        " plateforme.",
        "en": "More than {days} days behind: {what}. Tell the team that runs the platform.",
    },
    "state.fresh.none": {"fr": "Rien n’a encore été chargé.", "en": "Nothing has been loaded yet."},
    "state.loads": {"fr": "Chargements", "en": "Loads"},
    "state.balance.ok": {
        "fr": "Les comptes tombent juste : {read} lignes lues = {stored} gardées + {quarantined}"
        " mises en quarantaine, en {loads} chargements.",
        "en": "The books balance: {read} rows read = {stored} stored + {quarantined} quarantined,"
        " in {loads} loads.",
    },
    "state.balance.off": {
        "fr": "Les comptes ne tombent pas juste dans {count} chargements : {read} lignes lues,"
        " {stored} gardées, {quarantined} mises en quarantaine. Prévenez l’équipe qui exploite la"
        " plateforme.",
        "en": "The books do not balance in {count} loads: {read} rows read, {stored} stored,"
        " {quarantined} quarantined. Tell the team that runs the platform.",
    },
    "state.loads.none": {"fr": "Aucun chargement.", "en": "No loads."},
    "state.loads.table": {
        "fr": "Les {count} chargements les plus récents",
        "en": "The newest {count} loads",
    },
    "state.broken": {"fr": "Fichiers illisibles", "en": "Broken files"},
    "state.broken.none": {
        "fr": "Aucun : le dernier chargement de chaque fichier a réussi.",
        "en": "None: the newest load of every file went through.",
    },
    "state.broken.some": {
        "fr": "{count} à corriger ; les autres fichiers sont chargés normalement.",
        "en": "{count} to correct; the other files load as usual.",
    },
    "state.model": {"fr": "Modèle en service", "en": "Model in use"},
    "state.model.none": {
        "fr": "Aucun modèle appris pour l’instant : les prévisions viennent du repli.",
        "en": "No trained model yet: forecasts come from the fallback.",
    },
    "state.model.words": {
        "fr": "**{flow}** : `{version}` ({candidate}), appris sur {rows} lignes du {first} au"
        " {last}. À l’essai, erreur de {wape} du volume ; {coverage} des jours dans la fourchette"
        " promise à {promised}.",
        "en": "**{flow}**: `{version}` ({candidate}), trained on {rows} rows from {first} to"
        " {last}. In its backtest, an error of {wape} of the volume; {coverage} of days inside the"
        " range promised at {promised}.",
    },
    "state.model.trips": {
        "fr": "**{flow}** : `{version}` ({candidate}), appris sur {rows} courses du {first} au {last}. À l’essai, une erreur de {mae} minutes en moyenne ; {coverage} des courses dans la fourchette promise à {promised}.",
        "en": "**{flow}**: `{version}` ({candidate}), trained on {rows} trips from {first} to {last}. In its backtest, off by {mae} minutes on average; {coverage} of trips inside the range promised at {promised}.",
    },
    "state.model.delay": {
        "fr": "**{flow}** : `{version}` ({candidate}), appris sur {rows} cas du {first} au {last}. À l’essai, une erreur de {mae} jours en moyenne ; {coverage} des commandes dans la fourchette promise à {promised}.",
        "en": "**{flow}**: `{version}` ({candidate}), trained on {rows} cases from {first} to {last}. In its backtest, off by {mae} days on average; {coverage} of orders inside the range promised at {promised}.",
    },
    "state.model.risk": {
        "fr": "**{flow}** : `{version}` ({candidate}), appris sur {rows} cas du {first} au {last}. À l’essai, l’erreur quadratique du risque (score de Brier) est {ratio} fois celle du taux habituel.",
        "en": "**{flow}**: `{version}` ({candidate}), trained on {rows} cases from {first} to {last}. In its backtest, the squared error of the risk (Brier score) is {ratio} times that of the usual rate.",
    },
    "state.model.usual_risk": {
        "fr": "**{flow}** : `{version}`, le taux habituel. Aucun modèle n’a fait mieux à l’essai : le risque ne distingue pas une commande d’une autre.",
        "en": "**{flow}**: `{version}`, the usual rate. No model did better in the backtest: the risk tells no order from another.",
    },
    "state.drift": {"fr": "Dérive", "en": "Drift"},
    "state.drift.none": {"fr": "Pas encore mesurée.", "en": "Not measured yet."},
    "state.drift.ok": {
        "fr": "Rien d’inhabituel pour la saison.",
        "en": "Nothing unusual for the season.",
    },
    "state.drift.some": {
        "fr": "Inhabituel pour la saison : {what}.",
        "en": "Unusual for the season: {what}.",
    },
    "state.drift.table": {"fr": "Les {count} mesures", "en": "All {count} readings"},
    "state.drift.body": {
        "fr": "Les dernières semaines sont comparées à la même saison des années passées (PSI). Une"
        " dérive ne dit pas que la prévision est fausse : elle dit que le monde a changé, et qu’il"
        " faut la regarder de plus près.",
        "en": "The last weeks are compared with the same season of past years (PSI). Drift does not"
        " say that the forecast is wrong: it says that the world has changed, and that it deserves"
        " a closer look.",
    },
    "status.ok": {"fr": "stable", "en": "stable"},
    "status.drift": {"fr": "dérive", "en": "drift"},
    "status.insufficient": {"fr": "trop peu de données", "en": "too little data"},
    "fresh.yes": {"fr": "à jour", "en": "up to date"},
    "fresh.no": {"fr": "en retard", "en": "behind"},
    "balance.yes": {"fr": "juste", "en": "balances"},
    "balance.no": {"fr": "ÉCART", "en": "OFF"},
    "dataset.actuals": {"fr": "comptages", "en": "counts"},
    "dataset.predictions": {"fr": "prévisions", "en": "forecasts"},
    "flow.parcels": {"fr": "colis", "en": "parcels"},
    "flow.traffic": {"fr": "trafic routier", "en": "road traffic"},
    "feature.vehicles": {"fr": "véhicules", "en": "vehicles"},
    "feature.occupancy": {"fr": "taux d’occupation", "en": "occupancy"},
    "candidate.profile_ar": {"fr": "heure de la semaine et AR(1)", "en": "hour of week and AR(1)"},
    "flow.trips": {"fr": "courses", "en": "trips"},
    "feature.default": {"fr": "sans distance prévue", "en": "without planned distance"},
    "feature.planned_distance": {"fr": "avec distance prévue", "en": "with planned distance"},
    "feature.trips": {"fr": "courses", "en": "trips"},
    "feature.minutes": {"fr": "durée", "en": "duration"},
    "feature.distance_km": {"fr": "distance parcourue", "en": "distance driven"},
    "candidate.zone_pair_mean": {"fr": "moyenne du trajet", "en": "mean of the zone pair"},
    "candidate.gradient_boosting": {"fr": "arbres scikit-learn", "en": "scikit-learn trees"},
    "flow.retail": {"fr": "boutique", "en": "retail"},
    "feature.quantity": {"fr": "articles", "en": "pieces"},
    "feature.invoices": {"fr": "factures", "en": "invoices"},
    "feature.revenue": {"fr": "chiffre d’affaires", "en": "revenue"},
    "feature.parcels": {"fr": "colis", "en": "parcels"},
    "feature.temperature_mean": {"fr": "température", "en": "temperature"},
    "feature.precipitation_mm": {"fr": "pluie", "en": "rain"},
    "feature.wind_max_kmh": {"fr": "vent", "en": "wind"},
    "candidate.lightgbm": {"fr": "arbres LightGBM", "en": "LightGBM trees"},
    "candidate.effects": {"fr": "niveau et effets", "en": "level and effects"},
    "candidate.blend": {"fr": "mélange", "en": "blend"},
    "candidate.lstm": {"fr": "réseau LSTM", "en": "LSTM network"},
    "candidate.sarima": {"fr": "SARIMA", "en": "SARIMA"},
    "candidate.seasonal_naive": {"fr": "même jour passé", "en": "same past weekday"},
    "column.flow": {"fr": "Flux", "en": "Flow"},
    "column.dataset": {"fr": "Données", "en": "Data"},
    "column.newest_day": {"fr": "Dernier jour", "en": "Newest day"},
    "column.newest_at": {"fr": "Connu le", "en": "Known since"},
    "column.rows": {"fr": "Lignes", "en": "Rows"},
    "column.state": {"fr": "État", "en": "State"},
    "column.loaded_at": {"fr": "Chargé le", "en": "Loaded"},
    "column.file": {"fr": "Fichier", "en": "File"},
    "column.rows_read": {"fr": "Lues", "en": "Read"},
    "column.rows_stored": {"fr": "Gardées", "en": "Stored"},
    "column.rows_quarantined": {"fr": "Quarantaine", "en": "Quarantined"},
    "column.balance": {"fr": "Compte", "en": "Balance"},
    "column.error": {"fr": "Erreur", "en": "Error"},
    "column.centre": {"fr": "Centre", "en": "Centre"},
    "column.feature": {"fr": "Donnée", "en": "Quantity"},
    "column.psi": {"fr": "PSI", "en": "PSI"},
    "column.psi_critical": {"fr": "Seuil", "en": "Limit"},
}


def speaker(language: Language, *, step: str = "day", **usual: str) -> Say:
    """`say(key, **values)` in one language; `usual` are values that a whole page has in common.

    Where a text has another wording for flows of this `step`, under `key@step`, that one is said.
    Raises KeyError for a text that does not exist.
    """

    def say(key: str, **values: str) -> str:
        key = f"{key}@{step}" if f"{key}@{step}" in _TEXTS else key
        return _typeset(_TEXTS[key][language], language).format(**{**usual, **values})

    return say


def name_of(kind: str, name: str, language: Language) -> str:
    """The word for a flow, feature, candidate ...; a name the app does not know stays as it is."""
    entry = _TEXTS.get(f"{kind}.{name}")
    return _typeset(entry[language], language) if entry else name


def _typeset(text: str, language: Language) -> str:
    """French puts a space before high punctuation, on which a line must not break."""
    if language != "fr":
        return text
    return re.sub(r" ([;:?!»%])", "\u202f\\1", text).replace("« ", "«\u202f")


def keys() -> list[str]:
    """Every text there is."""
    return list(_TEXTS)


def both(key: str) -> dict[Language, str]:
    """A text in each language, unfilled."""
    return dict(_TEXTS[key])
