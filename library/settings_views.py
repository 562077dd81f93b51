"""What a member decides about themselves."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from library.forms import SettingsForm
from library.http import MemberRequest, render
from library.models import User


@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: MemberRequest) -> HttpResponseBase:
    """Show my settings; a POST saves them."""
    me = User.objects.get(pk=request.user.pk)  # the form tries values on it that may be refused
    form = SettingsForm(request.POST if request.method == "POST" else None, instance=me)
    if not form.is_valid():
        status = 400 if form.is_bound else 200
        return render(request, "library/settings.html", {"form": form}, status=status)
    me.save(update_fields=form.cleaned_data)
    messages.success(request, "Saved.")
    return redirect("library:settings")
